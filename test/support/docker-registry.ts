/** Debian's docker-registry on a loopback port of its own: a real registry. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
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
export async function startDockerRegistry(directory: string, { users, tls = false }: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const config = join(directory, 'registry.yml');
  const auth = users === undefined ? '' : `auth: {htpasswd: {realm: test, path: ${join(directory, 'htpasswd')}}}\n`;
  if (users !== undefined) writeFileSync(join(directory, 'htpasswd'), users);
  if (tls) {
    writeFileSync(join(directory, 'registry.crt'), TEST_CERTIFICATE);
    writeFileSync(join(directory, 'registry.key'), TEST_KEY);
  }
  const http = `http: {addr: "${address}"${tls ? `, tls: {certificate: ${join(directory, 'registry.crt')}, key: ${join(directory, 'registry.key')}}` : ''}}\n`;
  writeFileSync(config, `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${join(directory, 'registry')}}}\n${http}${auth}`);
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  // What speaks TLS answers 400 to plain http.
  const status = tls ? 400 : users === undefined ? 200 : 401;
  await eventually(`docker-registry answers on ${address} ${said}`, async () => (await fetch(`http://${address}/v2/`)).status === status);
  return {
    host: tls ? `localhost:${port}` : address,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
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
