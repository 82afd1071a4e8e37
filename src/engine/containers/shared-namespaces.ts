/** --network, --pid, --ipc, --uts, --userns and --cgroupns with `container:X` or `ns:PATH`: where the other one's namespaces are. */
import { existsSync, readlinkSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describeErrno } from '../../host/errno.ts';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { processStat } from '../../host/identity.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import type { NamespaceSpec, NetworkSpec } from '../../spec/container-spec.ts';
import { findContainer } from '../../runtime/container-store.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import type { GeneratedFile, UserNamespaceFact } from '../../runtime/oci-spec/input.ts';
import type { UserNamespaceOf } from '../../userns/launch-request.ts';
import type { Engine } from '../engine.ts';
import { nestedNamespace } from './nested-namespace.ts';
import { readContainers } from './selection.ts';

export interface SharedNamespaces {
  /** The user namespace that owns the shared ones: ours must be the same. */
  readonly joinUser?: UserNamespaceOf;
  /** The wish as it is to be carried out: where the other container has the host's own, which nobody can enter, it is `host`. */
  readonly namespaces: NamespaceSpec;
  /** Set when the other container has a user namespace of its own inside. */
  readonly userNamespace?: UserNamespaceFact;
  /** `ours`: it is the one that we are in, as with --network host, which nobody can enter again. */
  readonly network?: { readonly path: string; readonly ours: boolean };
  readonly shm?: string;
  readonly paths: { readonly pid?: string; readonly ipc?: string; readonly uts?: string; readonly cgroup?: string };
  /** resolv.conf and hosts of the container whose network is shared. */
  readonly files: readonly GeneratedFile[];
}

const KINDS = ['pid', 'ipc', 'uts', 'cgroup', 'user'] as const;
/** Those that may be the host's own, so that the wish to join them is one for the host's. */
const HOSTS: readonly Kind[] = ['pid', 'ipc', 'uts'];
type Kind = (typeof KINDS)[number];

interface Other {
  readonly record: ContainerRecord;
  /** Its first process. */
  readonly pid: number;
}

/** @throws ScullError NO_SUCH_CONTAINER, WRONG_STATE (not running), INVALID (a file that is no namespace), UNSUPPORTED (those of two user namespaces) */
export function sharedNamespaces(engine: Engine, record: ContainerRecord): SharedNamespaces {
  const { namespaces, network } = record.spec;
  const byPath = [...Object.entries(namespaces), ['net', network.mode] as const].flatMap(([kind, wish]) => (wish.mode === 'path' ? [{ kind, path: wish.path }] : []));
  for (const { kind, path } of byPath) requireNamespace(path, kind);
  const named: [kind: string, container: string][] = KINDS.flatMap((kind) => {
    const wish = namespaces[kind];
    return wish.mode === 'container' ? [[kind, wish.container]] : [];
  });
  if (network.mode.mode === 'container') named.push(['network', network.mode.container]);
  const joinedByPath = byPath.filter(({ kind }) => kind !== 'user');
  if (named.length === 0 && joinedByPath.length === 0) return { namespaces, ...ownShm(engine, record), paths: {}, files: [] };
  if (named.length === 0) return ofPaths(engine, record, joinedByPath);
  const others = new Map(named.map(([kind, container]) => [kind, runningContainer(engine, container)]));
  const owners = new Set([...others.values()].map((other) => other.record.id));
  if (owners.size > 1) throw twoOwners();
  const owner = [...others.values()][0] as Other;
  const path = (file: string): string => `/proc/${owner.pid}/ns/${file}`;
  const ofHost = (kind: Kind): boolean => HOSTS.includes(kind) && isOurs(path(kind), kind);
  const joined = KINDS.filter((kind) => kind !== 'user' && others.has(kind) && !ofHost(kind));
  const hosts = KINDS.filter((kind) => others.has(kind) && ofHost(kind));
  return {
    joinUser: joinable(owner),
    namespaces: { ...namespaces, ...Object.fromEntries(hosts.map((kind) => [kind, { mode: 'host' }])) },
    ...innerNamespace(owner),
    ...(others.has('network') ? { network: { path: path('net'), ours: isOurs(path('net'), 'net') } } : {}),
    ...(joined.includes('ipc') ? shmOf(engine, others.get('ipc') as Other) : ownShm(engine, record)),
    paths: Object.fromEntries(joined.map((kind) => [kind, path(kind)])),
    files: others.has('network') ? networkFiles(engine, others.get('network') as Other) : [],
  };
}

function twoOwners(): ScullError {
  return new ScullError('UNSUPPORTED', 'namespaces of two different containers can\'t be shared: each belongs to a user namespace of its own', { hint: 'join all of them from one container' });
}

interface PathWish {
  readonly kind: string;
  readonly path: string;
}

/** Where a container has them, it is as if that had been named. The owner of others the launcher finds, with the first of them; the runtime tells should another belong elsewhere. */
function ofPaths(engine: Engine, record: ContainerRecord, wishes: readonly PathWish[]): SharedNamespaces {
  const { namespaces } = record.spec;
  const running = runningContainers(engine);
  const found = wishes.map((wish) => ({ ...wish, owner: ownerOf(running, wish) }));
  const userNamespaces = new Set(found.flatMap(({ owner }) => (owner === undefined ? [] : [userNamespaceOf(owner)])));
  if (userNamespaces.size > 1) throw twoOwners();
  const [first] = found;
  const owner = found.find((one) => one.owner !== undefined)?.owner;
  const network = asksForNames(record.spec.network) ? undefined : found.find(({ kind }) => kind === 'net');
  return {
    joinUser: owner === undefined ? (first as PathWish).path : joinable(owner),
    namespaces,
    ...(owner === undefined ? {} : innerNamespace(owner)),
    ...(network?.owner === undefined ? {} : { network: { path: network.path, ours: false } }),
    ...ownShm(engine, record),
    paths: {},
    files: network?.owner === undefined ? [] : networkFiles(engine, network.owner),
  };
}

/** Whether it says what resolv.conf and hosts are to tell; else those of who has the network suit best. */
function asksForNames({ dns, dnsSearch, dnsOptions, addHosts, noHosts, hostsFile }: NetworkSpec): boolean {
  return [dns, dnsSearch, dnsOptions, addHosts].some((given) => given.length > 0) || noHosts || hostsFile !== undefined;
}

function runningContainers(engine: Engine): Other[] {
  return readContainers(engine).flatMap((record) => {
    const state = readContainerState(engine.store.layout.container(record.id));
    return isRunning(state) ? [{ record, pid: state.pid }] : [];
  });
}

/** Of several that share it the one that shares with nobody: it belongs to that one's user namespace. */
function ownerOf(running: readonly Other[], { kind, path }: PathWish): Other | undefined {
  const wanted = inodeOf(path);
  const sharers = running.filter(({ pid }) => wanted !== undefined && inodeOf(`/proc/${pid}/ns/${kind}`) === wanted);
  const isGuest = ({ record: { spec } }: Other): boolean => ['container', 'path'].includes(kind === 'net' ? spec.network.mode.mode : spec.namespaces[kind as Kind].mode);
  return sharers.find((one) => !isGuest(one)) ?? sharers[0];
}

/** Undefined for what may not be looked at, or has ended. */
function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

/** NSFS_MAGIC of linux/magic.h: what statfs(2) says of a namespace's file. */
const NSFS = 0x6e736673;

/** crun says of another file only that a pipe broke. What may not be looked at it explains better. */
function requireNamespace(path: string, kind: string): void {
  let type: number;
  try {
    ({ type } = statfsSync(path));
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno === 'EACCES' || errno === 'EPERM') return;
    throw new ScullError('NOT_FOUND', `there is no namespace ${JSON.stringify(path)}: ${describeErrno(cause)}`, { hint: 'the process whose namespace it was may have ended', cause });
  }
  if (type !== NSFS) throw new ScullError('INVALID', `${JSON.stringify(path)} is no namespace`, { hint: 'give one of /proc/PID/ns, or a bind mount of one' });
  const found = namespaceKind(path);
  if (found !== undefined && found !== kind) throw new ScullError('INVALID', `${JSON.stringify(path)} is a ${found} namespace, and a ${kind} one is wanted`);
  if (kind !== 'user' && found !== undefined && isOurs(path, kind)) throw new ScullError('PERMISSION', `${JSON.stringify(path)} is a namespace of the host, which nobody but root may join`, { hint: `give --${kind === 'net' ? 'network' : kind === 'cgroup' ? 'cgroupns' : kind} host for the host's own` });
}

/** As /proc/PID/ns names it; of a bind mount nobody tells. namespaces(7). */
function namespaceKind(path: string): string | undefined {
  try {
    return /^(\w+):\[/.exec(readlinkSync(path))?.[1];
  } catch {
    return undefined;
  }
}

/** The very namespace that we are in. @throws ScullError NOT_FOUND when its process has ended meanwhile */
function isOurs(path: string, kind: string): boolean {
  return ofLiving(path, () => statSync(path).ino) === statSync(`/proc/self/ns/${kind}`).ino;
}

function ofLiving<T>(path: string, look: () => T): T {
  try {
    return look();
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT') throw cause;
    throw new ScullError('NOT_FOUND', `there is no namespace ${JSON.stringify(path)}: its process has ended`, { cause });
  }
}

function userNamespaceOf({ pid }: Other): string {
  const path = `/proc/${pid}/ns/user`;
  return ofLiving(path, () => readlinkSync(path));
}

/** The runtime must enter it from ours, and files must show with the owners that its maps make of them. */
function innerNamespace({ record, pid }: Other): Pick<SharedNamespaces, 'userNamespace'> {
  const { user } = record.spec.namespaces;
  if (user.mode === 'host') return {};
  const fact = nestedNamespace(user, record.config.ids);
  const maps = fact?.kind === 'maps' ? { uids: fact.uids, gids: fact.gids } : undefined;
  return { userNamespace: { kind: 'path', path: `/proc/${pid}/ns/user`, ...maps } };
}

function runningContainer(engine: Engine, nameOrId: string): Other {
  const record = findContainer(engine.store.layout, nameOrId);
  const state = readContainerState(engine.store.layout.container(record.id));
  if (!isRunning(state)) throw new ScullError('WRONG_STATE', `container ${record.name} is not running, so its namespaces can't be joined`, { hint: `start it with \`scull start ${record.name}\`` });
  return { record, pid: state.pid };
}

/** The monitor lives in the namespace we made; if it was killed, the container's own process does as well. */
function joinable({ pid }: Other): number {
  const monitor = processStat(pid)?.parent ?? 0;
  return monitor > 1 ? monitor : pid;
}

/** A container that shares its IPC namespace has its /dev/shm in a folder that others can reach. */
function ownShm(engine: Engine, record: ContainerRecord): { shm?: string } {
  if (record.spec.namespaces.ipc.mode !== 'shareable') return {};
  return { shm: join(engine.store.layout.container(record.id).bundle, 'shm') };
}

function shmOf(engine: Engine, other: Other): { shm: string } {
  const shm = join(engine.store.layout.container(other.record.id).bundle, 'shm');
  if (existsSync(shm)) return { shm };
  throw new ScullError('WRONG_STATE', `container ${other.record.name} does not share its IPC namespace`, { hint: `start it with --ipc=shareable` });
}

function networkFiles(engine: Engine, other: Other): GeneratedFile[] {
  const paths = engine.store.layout.container(other.record.id);
  return [
    { source: paths.resolvConf, target: '/etc/resolv.conf' },
    { source: paths.hosts, target: '/etc/hosts' },
  ].filter(({ source }) => existsSync(source));
}
