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
 *
 * PID namespaces see as little of each other as machines do, so each that is not a machine's first (a container with scull in it)
 * counts as one of its own:
 *
 *     hosts/<machine id>.<inode>    likewise
 *     hosts/_<boot id>              a pipe that all its commands and monitors have open. On the same kernel this tells for certain
 *                                   whether any of them lives, so a container that was started anew finds what it left
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { crashPoint } from '../host/crash-point.ts';
import { showLife, showsLife } from '../host/fifo.ts';
import { ensurePrivateDirectory, explainWriteFailure, namesIn, readTextIfPresent, removeTree, writeFileAtomic } from '../host/files.ts';
import { bootId, isAlive, isOfNamespace, isOfThisKernel, machineId, pidNamespace, type ProcessIdentity } from '../host/identity.ts';
import type { StoreLayout } from './layout.ts';

export interface OtherHost {
  readonly name: string;
  readonly bootId: string;
  /** It is no other machine but another PID namespace of this one. */
  readonly here?: true;
}

type Hosts = Pick<StoreLayout, 'hosts'>;

const registered = new Set<string>();
/** Of each store's folder: the open sign of life. */
const signs = new Map<string, number>();

/** Says that this machine is in this boot. Costs one small read for a process, and a write for a boot. @throws ScullError NO_SPACE, PERMISSION */
export function registerHost(layout: StoreLayout): void {
  if (registered.has(layout.root)) return;
  const file = join(layout.hosts, ownName());
  signOfLife(layout);
  if (decodeHost(readTextIfPresent(file))?.bootId !== bootId()) {
    try {
      ensurePrivateDirectory(layout.hosts);
      writeFileAtomic(file, `${JSON.stringify({ bootId: bootId(), name: hostname() })}\n`);
    } catch (error) {
      throw explainWriteFailure(error, file);
    }
    forgetEarlierBoots(layout);
  }
  crashPoint('host:registered');
  registered.add(layout.root);
}

/**
 * What a process that is to outlive us inherits so that others see that it lives; undefined in a machine's first PID namespace, of
 * which that is seen by its processes. @throws ScullError TOOL_FAILED, NO_SPACE, PERMISSION
 */
export function signOfLife(layout: Hosts): number | undefined {
  if (pidNamespace() === undefined) return undefined;
  let sign = signs.get(layout.hosts);
  if (sign === undefined) {
    const pipe = pipeOf(layout, bootId());
    try {
      ensurePrivateDirectory(layout.hosts);
      sign = showLife(pipe);
    } catch (error) {
      throw explainWriteFailure(error, pipe);
    }
    signs.set(layout.hosts, sign);
  }
  return sign;
}

function pipeOf(layout: Hosts, boot: string): string {
  return join(layout.hosts, `_${boot}`);
}

function ownName(): string {
  const namespace = pidNamespace();
  return namespace === undefined ? machineId() : `${machineId()}.${namespace}`;
}

/** Whether a name is of this machine: its own, or that of one of its PID namespaces. */
function isOfThisMachine(name: string): boolean {
  const id = machineId();
  return name.startsWith(id) && /^(?:\.[0-9a-f]{8})?$/.test(name.slice(id.length));
}

/** PID namespaces of boots of this machine that are over. */
function forgetEarlierBoots(layout: Hosts): void {
  for (const name of hostNames(layout)) {
    const boot = isOfThisMachine(name) && name !== machineId() ? decodeHost(readTextIfPresent(join(layout.hosts, name)))?.bootId : undefined;
    if (boot === undefined || isOfThisKernel(boot)) continue;
    removeTree(pipeOf(layout, boot));
    removeTree(join(layout.hosts, name));
  }
}

/** Whether of the processes of another boot, or PID namespace, that worked on this store is known that all have ended. */
export function isOver(layout: Hosts, boot: string): boolean {
  return boot !== bootId() && (!isOfThisKernel(boot) || (isOfNamespace(boot) && !showsLife(pipeOf(layout, boot))));
}

/** False only where the process that a name or a file tells of is known to be dead. */
export function ownerMayLive(layout: StoreLayout, owner: ProcessIdentity): boolean {
  return owner.bootId === bootId() ? isAlive(owner) : otherHost(layout, owner.bootId) !== undefined;
}

/** The other machine that is in this boot now; undefined for this one's own and for boots that are over. */
export function otherHost(layout: Hosts, boot: string): OtherHost | undefined {
  if (boot === bootId()) return undefined;
  return otherHosts(layout).find((host) => host.bootId === boot);
}

/** All other machines that have worked on this store, and other PID namespaces of this one in which somebody does. */
export function otherHosts(layout: Hosts): OtherHost[] {
  return hostNames(layout).flatMap((name) => {
    if (name === ownName()) return [];
    const host = decodeHost(readTextIfPresent(join(layout.hosts, name)));
    if (host === undefined) return [];
    if (!isOfThisKernel(host.bootId)) return isOfThisMachine(name) ? [] : [host];
    return isOver(layout, host.bootId) ? [] : [{ ...host, here: true }];
  });
}

/** The files that tell of machines. */
export function hostNames(layout: Hosts): string[] {
  return namesIn(layout.hosts).filter((name) => /^[0-9a-zA-Z.-]+$/.test(name) && !name.endsWith('.tmp'));
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
