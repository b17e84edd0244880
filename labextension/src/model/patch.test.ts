import { expect, it } from 'vitest';

import { countsOf, linesOf, sidesOf } from './patch';

const DIFF = `--- a/x.py
+++ b/x.py
@@ -3,3 +3,4 @@ def f():
 a
-b
+B
+c
 d
@@ -40,2 +41,1 @@
 e
--- not a file's name
\\ No newline at end of file
`;

it('tells both sides of a diff and the numbers of their lines', () => {
  const lines = linesOf(DIFF);
  expect(countsOf(lines)).toEqual({ added: 2, removed: 2 });
  expect(sidesOf(lines)).toEqual({
    before: "a\nb\nd\n⋯\ne\n-- not a file's name",
    after: 'a\nB\nc\nd\n⋯\ne',
    numbers: [3, 4, 5, 6, 0, 41]
  });
});

it('takes a diff without any hunk for what it is', () => {
  expect(sidesOf(linesOf('+one\n+two')).after).toBe('one\ntwo');
  expect(sidesOf(linesOf('')).before).toBe('');
});
