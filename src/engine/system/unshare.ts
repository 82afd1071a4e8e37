/** `scull unshare`: a command or shell as root of the default user namespace, where files look as containers see them. */
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import { callerEnvironment } from '../../host/environment.ts';
import { ScullError } from '../../host/errors.ts';
import { exitStatus, explainSpawnFailure } from '../../host/process.ts';
import { startInUserNamespace } from '../../userns/launch.ts';
import { UNSHARED_SIGN } from '../../userns/unshared.ts';
import type { Engine } from '../engine.ts';

/**
 * Runs it in the foreground with our terminal.
 * @param command the caller's shell where empty
 * @returns its exit status, 128+n for signal n
 * @throws ScullError COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE, and what keeps namespaces from being made
 */
export async function unshare(engine: Engine, command: readonly string[]): Promise<number> {
  const environment = callerEnvironment();
  const [file = environment['SHELL'] ?? '/bin/sh', ...args] = command;
  refuseUnstartable(file, environment['PATH'] ?? '');
  const child = startInUserNamespace(file, args, {
    stdio: 'inherit',
    // Tells scripts where they are and whose; the names other engines' scripts look for.
    env: { ...environment, [UNSHARED_SIGN]: 'done', _CONTAINERS_ROOTLESS_UID: String(process.getuid?.() ?? 0), SCULL_ROOT: engine.store.layout.root },
  });
  // Terminal signals reach the child by itself; we only must not die before it.
  const ignore = (): undefined => undefined;
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.on(signal, ignore);
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, forward);
  try {
    const status = await new Promise<number>((resolve, reject) => {
      child.once('error', (error) => reject(explainSpawnFailure(file, error)));
      child.once('close', (code, signal) => resolve(exitStatus(code, signal)));
    });
    return status;
  } finally {
    for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.removeListener(signal, ignore);
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.removeListener(signal, forward);
  }
}

/** Looked up before anything is started, so that 126 and 127 mean what they mean in a shell. */
function refuseUnstartable(file: string, path: string): void {
  const places = file.includes('/') ? [file] : path.split(':').map((folder) => join(folder === '' ? '.' : folder, file));
  const there = places.filter((place) => isFile(place));
  if (file === '' || there.length === 0) throw new ScullError('COMMAND_NOT_FOUND', `${JSON.stringify(file)} was not found${file.includes('/') ? '' : ' in PATH'}`);
  if (!there.some(isExecutable)) throw new ScullError('COMMAND_NOT_EXECUTABLE', `${there[0]} is not executable`);
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false; // also a folder of PATH that may not be entered
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
