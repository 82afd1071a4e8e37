/**
 * Where many containers are started at once, each in a user namespace of its own: those are made in one that has all our ids as they are.
 * Who has entered that one may write their maps (user_namespaces(7)), and newuidmap and newgidmap, which take 3 ms of a processor, run
 * once and not for each. The maps are the same, from inside and outside; there is nobody in the one around them once this is left, and
 * the kernel forgets it with the last container.
 */
import { startChild } from '../host/child.ts';
import { defaultIdMaps, outsideIds } from './id-maps.ts';
import { helperPath, launchCommand, launchEnvironment } from './launch.ts';
import { isUnshared } from './unshared.ts';

export interface Nursery {
  /** A process in it, for LaunchRequest.within. */
  readonly pid: number;
  /** Nothing more is made in it. */
  leave(): Promise<void>;
}

/** @returns undefined where it would save nothing or cannot be made; then each start makes its own, or says why it cannot */
export async function openNursery(): Promise<Nursery | undefined> {
  const maps = defaultIdMaps();
  if (helperPath() === undefined || isUnshared() || maps.single !== undefined) return undefined;
  const [ready, rest] = [3, 4];
  // It waits for the rest of its command line, which never comes, and ends with us.
  const command = launchCommand({ maps: outsideIds(maps), keepIds: true, readyFd: ready, keepFds: [ready], restFrom: rest, program: [] });
  const child = startChild(command.file, command.args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], env: launchEnvironment(), detached: true });
  const leave = async (): Promise<void> => {
    child.kill('SIGKILL');
    await child.ended.catch(() => undefined);
  };
  const stands = await new Promise<boolean>((resolve) => {
    void child.read(ready, () => resolve(true)).finally(() => resolve(false));
  });
  if (stands) return { pid: child.pid, leave };
  await leave();
  return undefined;
}
