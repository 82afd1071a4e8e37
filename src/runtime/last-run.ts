/**
 * What the last run of a container left behind where its end was not seen here: it may run on another machine that shares the
 * home, or its processes have outlived a runtime directory that was wiped (by a logout, say). The file `started` names its monitor.
 */
import { existsSync, readdirSync } from 'node:fs';
import { ScullError } from '../host/errors.ts';
import { identityOf, isAlive, processStat } from '../host/identity.ts';
import { killQuietly } from '../host/kill.ts';
import { otherHost, type OtherHost } from '../storage/hosts.ts';
import type { ContainerPaths } from '../storage/layout.ts';
import { readIdentity } from './claim.ts';
import { killProcessesNaming } from './strays.ts';

/** The other machine on which a container runs, as far as can be seen from here: it was started there, and no end was noted. */
export function runsElsewhere(paths: ContainerPaths): OtherHost | undefined {
  const monitor = readIdentity(paths.startedFile);
  if (monitor === undefined) return undefined;
  const host = otherHost({ hosts: paths.machines }, monitor.bootId);
  return host === undefined || existsSync(paths.exitFile) ? undefined : host;
}

/** Another machine's containers are never touched. @throws ScullError WRONG_STATE */
export function refuseElsewhere(paths: ContainerPaths): void {
  const host = runsElsewhere(paths);
  if (host === undefined) return;
  const id = paths.id.slice(0, 12);
  if (host.here) throw new ScullError('WRONG_STATE', `container ${id} runs in another PID namespace, on ${host.name}`, { hint: 'do it there, in the container from which it was started' });
  throw new ScullError('WRONG_STATE', `container ${id} runs on the machine ${host.name}, which shares this store`, {
    hint: `do it there; should ${host.name} be gone for good, remove its file in ${paths.machines}`,
  });
}

/** Ends what is left of a run whose claim was lost. Asked before the container is started or removed; costs one small read. */
export async function endSurvivors(paths: ContainerPaths): Promise<void> {
  const monitor = readIdentity(paths.startedFile);
  if (monitor === undefined || existsSync(paths.exitFile) || !isAlive(monitor)) return;
  // Its first process takes all others of the container with it, and the monitor ends after it.
  const [first, ...others] = childrenOf(monitor.pid).map(identityOf);
  for (const child of [first, ...others]) if (child !== undefined) killQuietly(child.pid);
  killQuietly(monitor.pid);
  await killProcessesNaming(paths.bundle);
  const left = [monitor, first, ...others];
  for (let tries = 0; tries < 1000 && left.some((process) => process !== undefined && isAlive(process)); tries += 1) await new Promise((resolve) => setTimeout(resolve, 2));
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((child) => processStat(child)?.parent === pid);
}
