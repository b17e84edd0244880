import { beforeEach, expect, it, vi } from 'vitest';

import { CodecastError } from '../connection/api';
import { initial } from '../model/state';
import { SessionDrive } from './drive';
import { within } from './plugin';

let api: { [name: string]: any };
let sessions: Map<string, any>;
let drive: SessionDrive;

const entry = (name: string, fields: object = {}) => {
  const about = { name, path: `/srv/${name}`, kind: 'file', size: 3, mtime: 10, writable: true };
  return { ...about, ...fields };
};
const bytes = (...values: number[]) => new Blob([new Uint8Array(values)]);

beforeEach(() => {
  sessions = new Map([['s1', { id: 's1', name: 'calm-otter', created: 5, state: initial() }]]);
  api = {
    settings: { baseUrl: '/' },
    tree: vi.fn(async (_: string, path: string) =>
      path === '.' || path === 'src'
        ? entry(path, { kind: 'directory', entries: [entry('a.py'), entry('n.ipynb')] })
        : entry(path)
    ),
    readFile: vi.fn(async () => ({ data: new Blob(['abc']), mtime: 11 })),
    saveFile: vi.fn(async (_: string, path: string) => entry(path, { mtime: 20 })),
    makeFile: vi.fn(async (_: string, path: string, kind: string) => entry(path, { kind })),
    renameFile: vi.fn(async (_: string, _path: string, to: string) => entry(to)),
    deleteFile: vi.fn(async () => undefined)
  };
  drive = new SessionDrive(api as any, { sessions });
});

it('has the sessions at its top, and what is on the machine below', async () => {
  const top = await drive.get('');
  expect(top.content.map(({ path, type }: any) => [path, type])).toEqual([
    ['calm-otter', 'directory']
  ]);
  const listed = await drive.get('calm-otter/src');
  expect(api.tree).toHaveBeenCalledWith('s1', 'src');
  expect(listed.content.map(({ path, type }: any) => [path, type])).toEqual([
    ['calm-otter/src/a.py', 'file'],
    ['calm-otter/src/n.ipynb', 'notebook']
  ]);
});

it('knows a session by its old name after it was renamed', async () => {
  await drive.get('calm-otter');
  sessions.get('s1').name = 'bold-lynx';
  await drive.get('calm-otter/a.py');
  expect(api.tree).toHaveBeenLastCalledWith('s1', 'a.py');
});

it('reads text as text, bytes as bytes, and refuses to take one for the other', async () => {
  expect((await drive.get('calm-otter/a.py')).content).toBe('abc');
  api.readFile.mockResolvedValue({ data: bytes(0xff, 0xfe, 0), mtime: 1 });
  expect(await drive.get('calm-otter/a.bin')).toMatchObject({ format: 'base64', content: '//4A' });
  await expect(drive.get('calm-otter/a.bin', { format: 'text' })).rejects.toThrow('no text');
  api.readFile.mockResolvedValue({ data: new Blob(['{"cells": []}']), mtime: 1 });
  expect((await drive.get('calm-otter/n.ipynb')).content).toEqual({ cells: [] });
});

it('saves what it has read only while it is the same, and goes on from what it saved', async () => {
  await drive.get('calm-otter/a.py');
  await drive.save('calm-otter/a.py', { type: 'file', format: 'text', content: 'new' });
  let [session, path, data, mtime] = api.saveFile.mock.calls[0];
  expect([session, path, mtime, await data.text()]).toEqual(['s1', 'a.py', 11, 'new']);
  await drive.save('calm-otter/a.py', { type: 'file', format: 'base64', content: '//4A' });
  [session, path, data, mtime] = api.saveFile.mock.calls[1];
  expect(mtime).toBe(20);
  expect([...new Uint8Array(await data.arrayBuffer())]).toEqual([0xff, 0xfe, 0]);
});

it('tells what went wrong with what to do', async () => {
  const problem = { code: 'conflict', message: 'a.py was changed meanwhile.', hint: 'Look.' };
  api.saveFile.mockRejectedValue(new CodecastError(problem));
  await expect(drive.save('calm-otter/a.py', { content: '' })).rejects.toThrow(
    'a.py was changed meanwhile. Look.'
  );
});

it('makes names that nothing has, and tells of every change', async () => {
  const changes: string[] = [];
  drive.fileChanged.connect((_, { type }) => changes.push(type));
  api.tree.mockResolvedValue(
    entry('.', { kind: 'directory', entries: [entry('untitled.txt'), entry('a.py')] })
  );
  expect((await drive.newUntitled({ path: 'calm-otter' })).path).toBe('calm-otter/untitled1.txt');
  expect((await drive.newUntitled({ path: 'calm-otter', type: 'directory' })).type).toBe(
    'directory'
  );
  expect((await drive.copy('calm-otter/a.py', 'calm-otter')).path).toBe('calm-otter/a-Copy1.py');
  expect(api.saveFile).toHaveBeenLastCalledWith('s1', 'a-Copy1.py', expect.anything(), null);
  await drive.rename('calm-otter/a.py', 'calm-otter/b.py');
  await drive.delete('calm-otter/b.py');
  expect(changes).toEqual(['new', 'new', 'new', 'rename', 'delete']);
  await expect(drive.rename('calm-otter/a', 'other/a')).rejects.toThrow('from one session');
});

it('finds a path below the directory of a session, however it is written', () => {
  expect(within('/srv/src/a.py', '/srv')).toBe('src/a.py');
  expect(within('file:///srv/a.py', '/srv/')).toBe('a.py');
  expect(within('./a.py', '/srv')).toBe('a.py');
  expect(within('/srvice/a.py', '/srv')).toBeNull();
});
