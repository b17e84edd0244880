import { beforeEach, expect, it, vi } from 'vitest';

import { attempted, contentOf, load, NOTHING, save } from './drafts';

beforeEach(() => localStorage.clear());

it('keeps what was written, and forgets what was sent', () => {
  const draft = { text: 'half a th', files: [{ type: 'image', uri: 'attachment:1/a.png' }] };
  save('s1', draft);
  expect(load('s1')).toEqual(draft);
  expect(load('s2')).toBe(NOTHING);
  save('s1', NOTHING);
  expect(load('s1')).toBe(NOTHING);
});

it('takes nothing that somebody else has stored there', () => {
  for (const kept of ['{', '7', '{"text": 5}', 'null']) {
    localStorage.setItem('codecast:draft:s1', kept);
    expect(load('s1')).toBe(NOTHING);
  }
});

it('goes on where no storage is to be had', () => {
  const set = vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
    throw new Error('full');
  });
  save('s1', { text: 'x', files: [] });
  set.mockRestore();
  expect(load('s1')).toBe(NOTHING);
});

it('sends the same words again under the same id, also after a reload', () => {
  let made = 0;
  const makeId = () => `id${++made}`;
  const first = attempted({ text: 'do it', files: [] }, makeId);
  save('s1', first);
  expect(attempted(load('s1'), makeId).attempt.id).toBe('id1');
  expect(attempted({ ...load('s1'), text: 'do it not' }, makeId).attempt.id).toBe('id2');
});

it('sends files behind the words, and files alone', () => {
  const file = { type: 'image', uri: 'attachment:1/a.png' };
  expect(contentOf({ text: 'see', files: [file] })).toEqual([{ type: 'text', text: 'see' }, file]);
  expect(contentOf({ text: '  ', files: [file] })).toEqual([file]);
});
