import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { identityOf } from '../../../src/host/identity.ts';
import { comingExitCode } from '../../../src/runtime/lifecycle.ts';
import { storeLayout, type ContainerPaths } from '../../../src/storage/layout.ts';
import { scratchDirectory } from '../../support/extracted.ts';

/** A container that has ended, and a process in the place of its monitor. */
async function ended(script: string): Promise<ContainerPaths> {
  const root = scratchDirectory();
  const paths = storeLayout(root, join(root, 'run')).container('a'.repeat(64));
  mkdirSync(paths.exitDirectory, { recursive: true });
  const monitor = spawn('sh', ['-c', script], { env: { ...process.env, EXIT: paths.exitFile }, stdio: 'ignore' });
  await new Promise((resolve) => monitor.once('spawn', resolve));
  writeFileSync(paths.startedFile, JSON.stringify(identityOf(monitor.pid as number)));
  return paths;
}

test('the exit code that a living monitor is about to write is waited for', async () => {
  expect(comingExitCode(await ended('sleep 0.2; echo 7 >$EXIT.tmp; mv $EXIT.tmp $EXIT; exec sleep 1'), 60_000)?.trim()).toBe('7');
});

test('of a monitor that has ended without writing one nothing is waited for', async () => {
  expect(comingExitCode(await ended('exit 0'), 60_000)).toBeUndefined();
});
