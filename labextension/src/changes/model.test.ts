import { beforeEach, expect, it, vi } from 'vitest';

import { CodecastError } from '../connection/api';
import { initial } from '../model/state';
import { FakeServer } from '../ui/testing';
import { bodyOf, ChangesModel } from './model';

let server: FakeServer;
let api: { changes: any; diff: any };

beforeEach(() => {
  server = new FakeServer();
  api = {
    changes: vi.fn(async () => ({ repository: true, files: [{ path: 'a.py', kind: 'changed' }] })),
    diff: vi.fn(async (_: string, path: string) => ({ path, diff: `diff of ${path}` }))
  };
});

const settled = () => new Promise(resolve => setTimeout(resolve));
const model = () => new ChangesModel('s1', server.context.codecast.hub, api);

it('shows the first file, and looks again after each turn', async () => {
  server.session('s1', 'local', { state: { ...initial(), turn: { turn: 1 } as any } });
  const changes = model();
  await settled();
  expect(changes.difference?.diff).toBe('diff of a.py');
  server.session('s1', 'local', { state: { ...initial(), turn: { turn: 1 } as any, seq: 9 } });
  expect(api.changes).toHaveBeenCalledTimes(1);
  server.session('s1', 'local', { state: { ...initial(), turns: 1 } });
  await settled();
  expect(api.changes).toHaveBeenCalledTimes(2);
  changes.dispose();
  server.session('s1', 'local', { state: { ...initial(), turns: 2 } });
  expect(api.changes).toHaveBeenCalledTimes(2);
});

it('stays at the chosen file, and leaves one that has no changes any more', async () => {
  const files = ['a', 'b'].map(path => ({ path, kind: 'changed' }));
  api.changes.mockImplementation(async () => ({ repository: true, files }));
  const changes = model();
  await settled();
  await changes.choose(files[1] as any);
  await changes.refresh();
  await settled();
  expect(changes.chosen).toBe('b');
  api.changes.mockImplementation(async () => ({ repository: true, files: [files[0]] }));
  await changes.refresh();
  await settled();
  expect(changes.chosen).toBe('a');
  api.changes.mockImplementation(async () => ({ repository: true, files: [] }));
  await changes.refresh();
  expect([changes.chosen, changes.difference]).toEqual([null, null]);
});

it('keeps what it has when the machine is away, and says why', async () => {
  const changes = model();
  await settled();
  const problem = { code: 'unreachable', message: 'gpu cannot be reached.' };
  api.changes.mockRejectedValue(new CodecastError(problem));
  await changes.refresh();
  expect(changes.problem).toEqual(problem);
  expect(changes.changes?.files.length).toBe(1);
});

it('takes the head of a diff away', () => {
  expect(bodyOf('diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n')).toBe(
    '@@ -1 +1 @@\n-a\n+b\n'
  );
  expect(bodyOf('@@ -1 +1 @@\n')).toBe('@@ -1 +1 @@\n');
  expect(bodyOf('diff --git a/x b/x\nsimilarity index 100%\n')).toBe('');
});
