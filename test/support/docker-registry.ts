/** Debian's docker-registry on a loopback port of its own: a real registry. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { get as httpsGet } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { TEST_CERTIFICATE, TEST_KEY } from './test-certificate.ts';

export interface DockerRegistry {
  /** `127.0.0.1:PORT`; with TLS `localhost:PORT`, as the test certificate says. */
  readonly host: string;
  stop(): Promise<void>;
}

export interface DockerRegistryOptions {
  /** Lines of an htpasswd file with bcrypt hashes; without, anybody may do anything. */
  readonly users?: string;
  /** TLS with the certificate of test-certificate.ts. */
  readonly tls?: boolean;
}

/** @param directory for its files */
export async function startDockerRegistry(directory: string, options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  // Between being found free and being listened on, a port may be taken by somebody else.
  for (let attempt = 1; ; attempt++) {
    const started = await tryToStart(directory, options);
    if (typeof started !== 'string') return started;
    if (attempt === 5 || !/address already in use/.test(started)) throw new Error(`docker-registry ended: ${started}`);
  }
}

/** @returns what it said, where it ended at once */
async function tryToStart(directory: string, { users, tls = false }: DockerRegistryOptions): Promise<DockerRegistry | string> {
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const config = join(directory, 'registry.yml');
  const auth = users === undefined ? '' : `auth: {htpasswd: {realm: test, path: ${join(directory, 'htpasswd')}}}\n`;
  if (users !== undefined) writeFileSync(join(directory, 'htpasswd'), users);
  if (tls) {
    writeFileSync(join(directory, 'registry.crt'), TEST_CERTIFICATE);
    writeFileSync(join(directory, 'registry.key'), TEST_KEY);
  }
  // A header of its own: who answers on that port might be another test's.
  const token = randomUUID();
  const http = `http: {addr: "${address}", headers: {X-Test: ["${token}"]}${tls ? `, tls: {certificate: ${join(directory, 'registry.crt')}, key: ${join(directory, 'registry.key')}}` : ''}}\n`;
  writeFileSync(config, `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${join(directory, 'registry')}}}\n${http}${auth}`);
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  let hasEnded = false;
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => ((said += error.message), (hasEnded = true), resolve()));
    child.once('close', () => ((hasEnded = true), resolve()));
  });
  await eventually(`docker-registry answers on ${address}`, async () => hasEnded || (await answeringToken(address, tls)) === token, 60_000);
  if (hasEnded) return said;
  return {
    host: tls ? `localhost:${port}` : address,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** What the one who answers there calls himself; the certificate is nobody's. */
function answeringToken(address: string, tls: boolean): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const answer = (response: IncomingMessage): void => {
      response.resume();
      resolve(response.headers['x-test']?.toString());
    };
    const request = tls ? httpsGet(`https://${address}/v2/`, { rejectUnauthorized: false }, answer) : httpGet(`http://${address}/v2/`, answer);
    request.once('error', reject);
    request.setTimeout(5000, () => request.destroy(new Error('no answer')));
  });
}

/** A TCP port of 127.0.0.1 that nobody listened on a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no address'))));
    });
  });
}
