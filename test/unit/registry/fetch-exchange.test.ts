/** The executable's own way to speak HTTP, in the runtime that has it. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createSecureServer, type ServerOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { TEST_CERTIFICATE, TEST_KEY } from '../../support/test-certificate.ts';

/** What a server says to the request for that path. */
const ANSWERS: Readonly<Record<string, (socket: Socket) => void>> = {
  '/plain': (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'),
  '/head': (socket) => socket.end('HTTP/1.1 404 No\r\nContent-Length: 2000\r\n\r\n'),
  '/redirect': (socket) => socket.end('HTTP/1.1 307 There\r\nLocation: /plain\r\nContent-Length: 0\r\n\r\n'),
  '/encoded': (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc'),
  '/challenges': (socket) => socket.end('HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm="a"\r\nWWW-Authenticate: Basic realm="b"\r\nContent-Length: 0\r\n\r\n'),
  '/short': (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc'),
  '/cut-chunk': (socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'),
  '/closed': (socket) => socket.end(),
  '/silent': () => undefined,
  '/two-lengths': (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nhello'),
  '/headers-without-end': (socket) => {
    const more = (): void => {
      if (!socket.destroyed) socket.write(`X-A: ${'b'.repeat(60_000)}\r\n`, () => setImmediate(more));
    };
    socket.write('HTTP/1.1 200 OK\r\n', more);
  },
};

test('answers, and what is none, come as from node:http', async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', (head) => ANSWERS[/^[A-Z]+ (\S+) /.exec(head.toString('latin1'))?.[1] ?? '']?.(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const { stdout } = await promisify(execFile)('node_modules/.bin/bun', ['--no-env-file', 'test/support/exchange-in-bun.ts', ...Object.keys(ANSWERS).map((path) => base + path)], { env: { PATH: process.env['PATH'] } });
    const outcomes = stdout.trim().split('\n').map((line) => JSON.parse(line) as object);
    expect(Object.fromEntries(Object.keys(ANSWERS).map((path, index) => [path, outcomes[index]]))).toMatchObject({
      '/plain': { status: 200, length: '5', body: 'hello', complete: true },
      '/head': { status: 404, length: '2000', body: '', complete: true },
      '/redirect': { status: 307, length: '0', body: '', complete: true },
      '/encoded': { status: 200, length: '3', body: 'abc', complete: true },
      '/challenges': { status: 401, length: '0', challenge: 'Bearer realm="a", Basic realm="b"', body: '', complete: true },
      '/short': { status: 200, length: '100', code: 'ECONNRESET' },
      '/cut-chunk': { status: 200, code: 'ECONNRESET' },
      '/closed': { code: 'ECONNRESET' },
      '/silent': { code: 'ETIMEDOUT' },
      '/two-lengths': { code: expect.stringMatching(/^HPE_/) },
      '/headers-without-end': { code: expect.stringMatching(/^HPE_/) },
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

test('TLS: certificates are checked, failures told apart, connections kept', async () => {
  let connections = 0;
  const secure = (options: ServerOptions = {}): Server => createSecureServer({ key: TEST_KEY, cert: TEST_CERTIFICATE, ...options }, (_request, response) => void response.end('hello')).on('connection', () => (connections += 1));
  const servers = [secure(), secure({ requestCert: true, rejectUnauthorized: true, ca: TEST_CERTIFICATE }), createHttpServer((_request, response) => response.end())];
  for (const server of servers) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const [good = 0, demanding = 0, plain = 0] = servers.map((server) => (server.address() as AddressInfo).port);
  const exchange = async (addresses: readonly string[], environment: Record<string, string>): Promise<{ readonly body?: string; readonly told?: string }[]> => {
    const { stdout } = await promisify(execFile)('node_modules/.bin/bun', ['--no-env-file', 'test/support/exchange-in-bun.ts', ...addresses], { env: { PATH: process.env['PATH'], ...environment } });
    return stdout.trim().split('\n').map((line) => JSON.parse(line) as object);
  };
  try {
    const own = `https://localhost:${good}/`;
    expect(await exchange([own, own, own], { AUTHORITY: TEST_CERTIFICATE })).toMatchObject([{ body: 'hello' }, { body: 'hello' }, { body: 'hello' }]);
    expect(connections).toBe(1);
    expect(await exchange([`https://127.0.0.1:${good}/`, `https://localhost:${plain}/`, `https://localhost:${demanding}/`], { AUTHORITY: TEST_CERTIFICATE })).toMatchObject([
      { told: expect.stringContaining('is for another host') },
      { told: expect.stringContaining('does not speak TLS') },
      { told: expect.stringContaining('wants to be shown a certificate') },
    ]);
    expect(await exchange([own], { NODE_TLS_REJECT_UNAUTHORIZED: '0' })).toMatchObject([{ told: expect.stringContaining('is signed by itself') }]);
  } finally {
    for (const server of servers) server.close();
  }
});

test('a file is seen on its way, as whole as it is, and refusals and breaks on the way are told', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'upload-'));
  const file = join(folder, 'blob');
  // More than buffers on the way hold.
  const content = randomBytes(24 << 20);
  writeFileSync(file, content);
  const sent = content.subarray(1);
  let whole: Buffer | undefined;
  let declared: string | undefined;
  const server = createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    if (request.url === '/taken') {
      declared = request.headers['content-length'];
      request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => ((whole = Buffer.concat(chunks)), response.writeHead(201).end()));
    } else if (request.url === '/refused') {
      response.writeHead(413, { connection: 'close' }).end();
    } else if (request.url === '/cut') {
      request.once('data', () => request.socket.destroy());
    } // and /silent takes nothing
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const paths = ['/taken', '/refused', '/cut', '/silent'];
    const { stdout } = await promisify(execFile)('node_modules/.bin/bun', ['--no-env-file', 'test/support/upload-in-bun.ts', file, `${sent.length}`, ...paths.map((path) => base + path)], { env: { PATH: process.env['PATH'] } });
    const outcomes = Object.fromEntries(stdout.trim().split('\n').map((line, index) => [paths[index], JSON.parse(line)]));
    expect(outcomes).toMatchObject({ '/taken': { status: 201, inSteps: true, rising: true, all: true }, '/cut': { code: 'ECONNRESET' }, '/silent': { code: 'ETIMEDOUT', all: false } });
    // Who refuses may be heard, or have broken off before.
    expect([{ status: 413 }, { code: 'ECONNRESET' }]).toContainEqual(expect.objectContaining(Object.fromEntries(Object.entries(outcomes['/refused'] as object).filter(([key]) => key === 'status' || key === 'code'))));
    expect(declared).toBe(`${sent.length}`);
    expect(whole?.equals(sent)).toBe(true);
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  }
});
