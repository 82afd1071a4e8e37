import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { download } from '../../../../src/engine/builds/download.ts';

let directory: string;
const proxyBefore = process.env['http_proxy'];
const endings: (() => void)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'scull-download-'));
});

afterEach(() => {
  for (const end of endings.splice(0)) end();
  if (proxyBefore === undefined) delete process.env['http_proxy'];
  else process.env['http_proxy'] = proxyBefore;
  rmSync(directory, { recursive: true, force: true });
});

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endings.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a file gets the time of its last change; without one the epoch', async () => {
  const base = await serve((request, response) => response.writeHead(200, request.url === '/new' ? { 'last-modified': 'Wed, 21 Oct 2015 07:28:00 GMT' } : {}).end('content'));
  await download(`${base}/new`, join(directory, 'new'));
  await download(`${base}/plain`, join(directory, 'plain'));
  expect(readFileSync(join(directory, 'new'), 'utf8')).toBe('content');
  expect(statSync(join(directory, 'new')).mtime.toISOString()).toBe('2015-10-21T07:28:00.000Z');
  expect(statSync(join(directory, 'plain')).mtimeMs).toBe(0);
});

test('the environment says which proxy to ask', async () => {
  const asked: string[] = [];
  process.env['http_proxy'] = await serve((request, response) => {
    asked.push(request.url ?? '');
    response.end('from the proxy');
  });
  await download('http://files.invalid/a', join(directory, 'a'));
  expect(readFileSync(join(directory, 'a'), 'utf8')).toBe('from the proxy');
  expect(asked).toEqual(['http://files.invalid/a']);
});

test('what ends too early is an error, as are a refusal and what is no address', async () => {
  const base = await serve((request, response) => {
    if (request.url === '/missing') return response.writeHead(404).end();
    response.writeHead(200, { 'content-length': 1000 }).write('only this');
    return setTimeout(() => response.destroy(), 50);
  });
  await expect(download(`${base}/short`, join(directory, 'short'))).rejects.toMatchObject({ code: 'NETWORK' });
  await expect(download(`${base}/missing`, join(directory, 'missing'))).rejects.toMatchObject({ code: 'NETWORK', message: expect.stringContaining('the server answered 404') });
  await expect(download('ftp://files.invalid/a', join(directory, 'ftp'))).rejects.toMatchObject({ code: 'INVALID' });
});

test('who gives up ends a download that is under way, and one that waits for its answer', async () => {
  const reason = new Error('given up');
  for (const path of ['/slow', '/silent']) {
    const stop = new AbortController();
    const base = await serve((_request, response) => {
      if (path === '/slow') response.writeHead(200, { 'content-length': 1000 }).write('a part');
      setTimeout(() => stop.abort(reason), 50);
    });
    await expect(download(`${base}${path}`, join(directory, path.slice(1)), stop.signal)).rejects.toBe(reason);
  }
});
