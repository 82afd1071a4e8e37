/**
 * Exit codes of containers that are removed with their end, for the commands that wait for them: who waits asks beforehand by
 * an empty file of the container's id, who removes the container answers in it.
 */
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readTextIfPresent } from '../../host/files.ts';
import { readContainerState } from '../../runtime/lifecycle.ts';
import type { StoreLayout } from '../../storage/layout.ts';

/** Minutes for which a code is kept. */
const KEPT = 10;

/** {@link keptExitCode} will know the code of this container, also when it is removed. */
export function askForExitCode(layout: StoreLayout, id: string): void {
  mkdirSync(layout.exits, { recursive: true, mode: 0o700 });
  closeSync(openSync(join(layout.exits, id), 'a', 0o600));
  forgetOld(layout);
}

/** To be called before a container is removed. */
export function answerExitCode(layout: StoreLayout, id: string): void {
  if (!existsSync(join(layout.exits, id))) return;
  const state = readContainerState(layout.container(id));
  if (state.status === 'exited') writeFileSync(join(layout.exits, id), String(state.exitCode), { mode: 0o600 });
}

/** Keeps a code that nobody has asked for yet. */
export function keepExitCode(layout: StoreLayout, id: string, code: number): void {
  mkdirSync(layout.exits, { recursive: true, mode: 0o700 });
  writeFileSync(join(layout.exits, id), String(code), { mode: 0o600 });
  forgetOld(layout);
}

/** The exit code of a container that is gone, where it is still known. */
export function keptExitCode(layout: StoreLayout, id: string): number | undefined {
  const text = readTextIfPresent(join(layout.exits, id)) ?? '';
  return text === '' ? undefined : Number.parseInt(text, 10);
}

/** Codes that are old, and questions that nobody will answer any more. */
function forgetOld(layout: StoreLayout): void {
  for (const name of readdirSync(layout.exits)) {
    const path = join(layout.exits, name);
    try {
      const { mtimeMs, size } = statSync(path);
      const old = Date.now() - mtimeMs > KEPT * 60_000;
      if (old && (size > 0 || !existsSync(layout.container(name).directory))) unlinkSync(path);
    } catch {
      continue; // another command tidied it up
    }
  }
}
