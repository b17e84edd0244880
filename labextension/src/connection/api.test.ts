import { ServerConnection } from '@jupyterlab/services';
import { beforeEach, expect, it, vi } from 'vitest';

import { Api, CodecastError } from './api';

let fetch: ReturnType<typeof vi.fn>;
let api: Api;

const answer = (body: unknown, status = 200) =>
  new Response(status === 204 ? null : JSON.stringify(body), { status });
const asked = () => fetch.mock.calls.map(([request]) => request as Request);

beforeEach(() => {
  localStorage.clear();
  fetch = vi.fn(async () => answer({}));
  api = new Api(
    ServerConnection.makeSettings({ baseUrl: 'http://host/user/a%40b/', fetch: fetch as any })
  );
});

it('asks below the base URL, with every name encoded and nothing added', async () => {
  await api.tree('s/1', 'src/a b.py');
  await api.deleteFile('s1', 'x?.py');
  expect(asked().map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET http://host/user/a%40b/api/codecast/v1/sessions/s%2F1/tree?path=src%2Fa%20b.py',
    'DELETE http://host/user/a%40b/api/codecast/v1/sessions/s1/files?path=x%3F.py'
  ]);
  expect(asked()[0].headers.get('X-Codecast-Surface')).toBe('lab');
});

it('says of which file what is saved is a change: one read before, none, or whichever', async () => {
  await api.saveFile('s1', 'a', new Blob(['x']), 12.5);
  await api.saveFile('s1', 'a', new Blob(['x']), null);
  await api.saveFile('s1', 'a', new Blob(['x']));
  expect(asked().map(({ url }) => new URL(url).searchParams.get('mtime'))).toEqual([
    '12.5',
    'none',
    null
  ]);
  expect(asked()[0].headers.get('Content-Type')).toBe('application/octet-stream');
});

it('tells a refusal in the words of the server, and a stranger’s page by its number', async () => {
  const problem = { code: 'conflict', message: 'It runs.', hint: 'Wait.' };
  fetch.mockResolvedValueOnce(answer(problem, 409));
  await expect(api.stop('s1')).rejects.toMatchObject({ problem });
  fetch.mockResolvedValueOnce(new Response('<html>', { status: 502, statusText: 'Bad Gateway' }));
  await expect(api.stop('s1')).rejects.toMatchObject({
    problem: { code: '502', message: 'The server answered 502 Bad Gateway.' }
  });
});

it('tells a server that does not answer, and that nothing was lost', async () => {
  fetch.mockRejectedValueOnce(new TypeError('Failed to fetch'));
  const error = await api.prompt('s1', 'p1', []).catch(error => error);
  expect(CodecastError.problem(error)).toMatchObject({
    code: 'link_lost',
    hint: 'Nothing was lost. Try again when it is back.'
  });
  expect(CodecastError.problem('odd')).toEqual({ code: 'internal', message: 'odd' });
});

it('takes an answer without a body', async () => {
  fetch.mockResolvedValueOnce(answer(null, 204));
  expect(await api.destroy('s1')).toBeUndefined();
});

it('learns who the person at this page is from what is stored, and keeps it', async () => {
  expect(api.me).toBeUndefined();
  fetch.mockResolvedValueOnce(answer({ id: 'p1', by: 'ann' }));
  await api.prompt('s1', 'p1', []);
  expect(api.me).toBe('ann');
  expect(new Api(api.settings).me).toBe('ann');
});
