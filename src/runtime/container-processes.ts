/** Which processes of the host are a container's, by the kernel's own word: the namespaces they are in. Nothing of the container is trusted. */
import { readdirSync, readlinkSync } from 'node:fs';


/**
 * The processes of several containers, by the pid of the first one, in one pass over /proc. Those in the same pid namespace; where
 * that is not the container's own (--pid=host, container:X), those in the same mount namespace.
 * @param sharesPids tells that of a container's first process
 */
export function containerProcesses(firsts: readonly number[], sharesPids: (first: number) => boolean): Map<number, number[]> {
  const byNamespace = new Map<string, number>();
  const kinds = new Set<'pid' | 'mnt'>();
  const ownPids = linkOf('/proc/self/ns/pid');
  for (const first of firsts) {
    const pids = linkOf(`/proc/${first}/ns/pid`);
    const kind = sharesPids(first) || pids === ownPids ? 'mnt' : 'pid';
    const namespace = kind === 'pid' ? pids : linkOf(`/proc/${first}/ns/mnt`);
    if (namespace === undefined) continue; // it has ended
    kinds.add(kind);
    byNamespace.set(namespace, first);
  }
  const found = new Map<number, number[]>(firsts.map((first) => [first, []]));
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    for (const kind of kinds) {
      const first = byNamespace.get(linkOf(`/proc/${name}/ns/${kind}`) ?? '');
      if (first === undefined) continue;
      (found.get(first) as number[]).push(Number(name));
      break;
    }
  }
  for (const pids of found.values()) pids.sort((a, b) => a - b);
  return found;
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // ended meanwhile, or not ours
  }
}
