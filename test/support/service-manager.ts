/** The socket of a service manager, as sd_notify(3) knows it: what it is told is kept. The real one is in test/vm. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { eventually } from './eventually.ts';

/** recv(2), unlike recvmsg(2), drops the descriptor that comes with a barrier: so the barrier is passed. */
const receiver = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    word = s.recv(4096)
    if not word.startswith(b"BARRIER"):
        open(sys.argv[2], "ab").write(word + b"\\n")
`;

export interface ServiceManager {
  readonly env: { readonly NOTIFY_SOCKET: string };
  /** Everything so far, a line each. */
  told(): string;
}

/** For the tests of a file: managers that end with them. */
export function useServiceManagers(folder: () => string): (name: string) => Promise<ServiceManager> {
  const ends: (() => void)[] = [];
  let count = 0;
  afterAll(() => ends.forEach((end) => end()));
  return async (name) => {
    // A test that is tried again has another one.
    count += 1;
    const [socket, log] = [join(folder(), `${name}${count}.sock`), join(folder(), `${name}${count}.log`)];
    const child = spawn('python3', ['-c', receiver, socket, log], { stdio: 'ignore' });
    ends.push(() => child.kill());
    await eventually('the socket', () => existsSync(socket));
    return { env: { NOTIFY_SOCKET: socket }, told: () => (existsSync(log) ? readFileSync(log, 'utf8') : '') };
  };
}
