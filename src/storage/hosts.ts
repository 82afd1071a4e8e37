/**
 * Which machines work on this store. A process is known by pid, start time and boot id; of another boot id one of two things
 * is true: it is an earlier boot of this machine, and all its processes are dead, or it is another machine that shares the
 * home, whose processes can't be seen from here. So each machine writes down which boot it is in:
 *
 *     hosts/<machine id>    {"bootId", "name"}, written before the first thing that a process of this boot owns
 *
 * A boot id that is some other machine's current one belongs to processes that may live: nobody else touches what is theirs. A
 * machine that never comes back is forgotten by removing its file. Machines are told apart by machine-id(5): clones need one
 * each, as systemd demands too.
 */
import { hostname } from 'node:os';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { crashPoint } from '../host/crash-point.ts';
import { errnoOf } from '../host/errors.ts';
import { ensurePrivateDirectory, explainWriteFailure, readTextIfPresent, writeFileAtomic } from '../host/files.ts';
import { bootId, isAlive, machineId, type ProcessIdentity } from '../host/identity.ts';
import type { StoreLayout } from './layout.ts';

export interface OtherHost {
  readonly name: string;
  readonly bootId: string;
}

const registered = new Set<string>();

/** Says that this machine is in this boot. Costs one small read for a process, and a write for a boot. @throws ScullError NO_SPACE, PERMISSION */
export function registerHost(layout: StoreLayout): void {
  if (registered.has(layout.root)) return;
  const file = join(layout.hosts, machineId());
  if (decodeHost(readTextIfPresent(file))?.bootId !== bootId()) {
    try {
      ensurePrivateDirectory(layout.hosts);
      writeFileAtomic(file, `${JSON.stringify({ bootId: bootId(), name: hostname() })}\n`);
    } catch (error) {
      throw explainWriteFailure(error, file);
    }
  }
  crashPoint('host:registered');
  registered.add(layout.root);
}

/** False only where the process that a name or a file tells of is known to be dead. */
export function ownerMayLive(layout: StoreLayout, owner: ProcessIdentity): boolean {
  return owner.bootId === bootId() ? isAlive(owner) : otherHost(layout, owner.bootId) !== undefined;
}

/** The other machine that is in this boot now; undefined for this one's own and for boots that are over. */
export function otherHost(layout: Pick<StoreLayout, 'hosts'>, boot: string): OtherHost | undefined {
  if (boot === bootId()) return undefined;
  return otherHosts(layout).find((host) => host.bootId === boot);
}

/** All other machines that have worked on this store. */
export function otherHosts(layout: Pick<StoreLayout, 'hosts'>): OtherHost[] {
  let names: string[];
  try {
    names = readdirSync(layout.hosts);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
  return names.filter((name) => name !== machineId() && /^[0-9a-zA-Z.-]+$/.test(name)).flatMap((name) => decodeHost(readTextIfPresent(join(layout.hosts, name))) ?? []);
}

/** undefined for a damaged file: its machine writes it again. */
export function decodeHost(text: string | undefined): OtherHost | undefined {
  if (text === undefined) return undefined;
  try {
    const { bootId: boot, name } = JSON.parse(text) as Partial<OtherHost>;
    if (typeof boot === 'string' && /^[0-9a-f]{32}$/.test(boot) && typeof name === 'string') return { bootId: boot, name };
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof TypeError)) throw error;
  }
  return undefined;
}
