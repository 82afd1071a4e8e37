/** Debian's docker-registry on a loopback port of its own: a real registry. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { eventually } from './eventually.ts';

export interface DockerRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  stop(): Promise<void>;
}

/** @param directory for its files @param users lines of an htpasswd file with bcrypt hashes; anybody may do anything without */
export async function startDockerRegistry(directory: string, users?: string): Promise<DockerRegistry> {
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const config = join(directory, 'registry.yml');
  const auth = users === undefined ? '' : `auth: {htpasswd: {realm: test, path: ${join(directory, 'htpasswd')}}}\n`;
  if (users !== undefined) writeFileSync(join(directory, 'htpasswd'), users);
  writeFileSync(config, `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${join(directory, 'registry')}}}\nhttp: {addr: "${host}"}\n${auth}`);
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await eventually(`docker-registry answers on ${host} ${said}`, async () => (await fetch(`http://${host}/v2/`)).status === (users === undefined ? 200 : 401));
  return {
    host,
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
