/** Whether a driver works is found out by using it: on this kernel, on the file system of the store. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory } from '../../host/files.ts';
import { run } from '../../host/process.ts';
import { launchCommand, launchFailure } from '../../userns/launch.ts';
import type { LaunchStep } from '../../userns/launch-request.ts';
import { createStaging } from '../staging.ts';
import type { Store } from '../store.ts';

/** What a container does to its files: read both layers, change and remove what is in a lower one, replace a directory. */
const TRIAL = 'cd "$1" && test -f low && test -f high && echo x >>low && rm high && test ! -e high && rm -r dir && mkdir dir && test ! -e dir/file && mv low renamed';

/**
 * Lays out two layers, lets `steps` mount them and a container's usual changes happen.
 * @returns why it did not work, in one line; undefined when it did
 */
export async function tryMount(store: Store, steps: (place: string) => readonly LaunchStep[]): Promise<string | undefined> {
  ensurePrivateDirectory(store.layout.root);
  const staging = createStaging(store);
  const place = staging.directory;
  try {
    for (const name of ['lower-layer', 'upper-layer', 'changes', 'work', 'root', 'lower-layer/dir']) mkdirSync(join(place, name));
    writeFileSync(join(place, 'lower-layer/low'), 'low');
    writeFileSync(join(place, 'lower-layer/dir/file'), '');
    writeFileSync(join(place, 'upper-layer/high'), 'high');
    const command = launchCommand({ steps: steps(place), program: ['sh', '-c', TRIAL, 'trial', join(place, 'root')] });
    const result = await run(command.file, command.args, { timeout: 20_000 });
    if (result.status === 0) return undefined;
    return launchFailure(result.status, result.stderr)?.message ?? (result.stderr.trim().split('\n')[0] || 'files could not be changed on it');
  } catch (error) {
    if (isScullError(error, 'UNSUPPORTED', 'TIMEOUT')) return error.message;
    throw error;
  } finally {
    await staging.remove();
  }
}
