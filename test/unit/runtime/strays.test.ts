import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { killProcessesNaming } from '../../../src/runtime/strays.ts';
import { sleep } from '../../support/eventually.ts';

test('only processes with the very path as a word are killed', async () => {
  const path = `/no/such/bundle-${process.pid}`;
  const start = (...words: string[]) => {
    const child = spawn('sh', ['-c', 'while :; do sleep 0.1; done', ...words], { stdio: 'ignore' });
    return { child, ended: new Promise<string | null>((resolve) => child.once('exit', (_code, signal) => resolve(signal))) };
  };
  const named = start('create', '--bundle', path);
  const other = start('create', '--bundle', `${path}2`);
  await sleep(100);
  await killProcessesNaming(path);
  expect(await named.ended).toBe('SIGKILL');
  expect(other.child.exitCode).toBeNull();
  other.child.kill('SIGTERM');
  expect(await other.ended).toBe('SIGTERM');
});
