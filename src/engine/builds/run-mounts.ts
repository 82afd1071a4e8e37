/** What RUN --mount brings into the container of a step: from the context, other stages, caches, secrets. */
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheKey, type KeyPart } from '../../build/cache-key.ts';
import { xattrDigest } from '../../build/files/attributes.ts';
import { contentDigest } from '../../build/files/content-digest.ts';
import { follow, type Tree } from '../../build/files/confined.ts';
import { NOTHING_IGNORED } from '../../build/files/ignore.ts';
import { placeFiles } from '../../build/files/place.ts';
import { select } from '../../build/files/selection.ts';
import type { BindRunMount, CacheRunMount, RunMount, SecretRunMount, SshRunMount } from '../../build/plan/mounts.ts';
import type { RunStep } from '../../build/plan/step.ts';
import { environmentVariable } from '../../host/environment.ts';
import { describeErrno } from '../../host/errno.ts';
import { isScullError, ScullError } from '../../host/errors.ts';
import { removeTree } from '../../host/files.ts';
import { exitStatus, start } from '../../host/process.ts';
import type { Platform } from '../../oci/platform.ts';
import type { ResolvedMount } from '../../runtime/container-record.ts';
import { resolveInRootfs } from '../../runtime/rootfs-file.ts';
import { useCacheMount } from '../../storage/build-cache.ts';
import { mountPlan } from '../../storage/drivers/plan.ts';
import type { LayerRef } from '../../storage/image-types.ts';
import { layerPaths, readLayer } from '../../storage/layers/store.ts';
import { launchCommand, runInUserNamespace } from '../../userns/launch.ts';
import { layerDirectories, topOf } from './layer.ts';
import type { BuildSession } from './session.ts';
import { contextXattrs } from './gather.ts';
import { openOrigin, type Origin, type StageSource } from './sources.ts';

/** Where the mounts of a step come from, before it is known whether it has to be executed. */
export interface OpenedMounts {
  /** For the key: what is mounted, but not what is in caches and secrets. */
  readonly key: KeyPart;
  readonly origins: ReadonlyMap<RunMount, Origin>;
}

/** @throws ScullError NOT_FOUND, INVALID (a source that leads out of the context) */
export async function openRunMounts(session: BuildSession, step: RunStep, platform: Platform, stage: StageSource): Promise<OpenedMounts> {
  const origins = new Map<RunMount, Origin>();
  const keys: KeyPart[] = [];
  for (const mount of step.mounts) {
    if (mount.type === 'bind' || (mount.type === 'cache' && mount.from !== undefined)) origins.set(mount, await openOrigin(session, mount.from, platform, stage));
    const origin = origins.get(mount);
    const { ...described } = mount;
    keys.push({ ...described, content: mount.type === 'bind' && origin !== undefined ? await contentOf(session, mount, origin) : null });
  }
  return { key: keys, origins };
}

async function contentOf(session: BuildSession, mount: BindRunMount, origin: Origin): Promise<string> {
  if (origin.kind === 'layers') return topOf(origin.layers);
  const found = select(origin.tree, mount.source, { parents: false, exclude: NOTHING_IGNORED, ignore: ignoreOf(session, origin.tree) });
  const reading = contextXattrs(session, found); // beside the hashing
  return contentDigest(found.flatMap(({ files }) => files), { owner: 'none' }) + xattrDigest(await reading);
}

function ignoreOf(session: BuildSession, tree: Tree) {
  return tree === session.context.tree ? session.context.ignore : NOTHING_IGNORED;
}

export interface ReadyMounts {
  readonly mounts: readonly ResolvedMount[];
  /** `K=V` for the process alone. */
  readonly environment: readonly string[];
  release(): void;
}

/** Makes them ready for one execution. @throws ScullError NOT_FOUND for a secret that is required */
export async function readyRunMounts(session: BuildSession, step: RunStep, opened: OpenedMounts): Promise<ReadyMounts> {
  const mounts: ResolvedMount[] = [];
  const environment: string[] = [];
  const releases: (() => void)[] = [];
  const release = (): void => releases.splice(0).forEach((one) => one());
  try {
    for (const mount of step.mounts) {
      const origin = opened.origins.get(mount);
      if (mount.type === 'bind') mounts.push(await bindMount(session, mount, origin as Origin));
      else if (mount.type === 'tmpfs') mounts.push({ type: 'tmpfs', source: 'tmpfs', target: mount.target, readOnly: false, propagation: 'rprivate', options: ['nosuid', 'nodev', ...(mount.size === undefined ? [] : [`size=${mount.size}`])], copyUp: false });
      else if (mount.type === 'cache') {
        const place = await useCacheMount(session.engine.store, cacheKey('cache-mount', mount.id), mount.sharing, session.abort.signal);
        releases.push(place.release);
        if (place.fresh) await fillCache(session, mount, origin, place.directory);
        mounts.push(plainBind(place.directory, mount.target, mount.readOnly));
      } else if (mount.type === 'secret') await addSecret(session, mount, mounts, environment, releases);
      else await addAgent(session, mount, mounts, environment);
    }
    if (step.script !== undefined) mounts.push(scriptMount(session, step.script));
    return { mounts, environment, release };
  } catch (error) {
    release();
    throw error;
  }
}

function plainBind(source: string, target: string, readOnly: boolean): ResolvedMount {
  return { type: 'bind', source, target, readOnly, propagation: 'rprivate', options: ['rbind', 'nosuid', 'nodev'] };
}

/** Never writable for good: without rw it is read-only, with rw what is written is thrown away (CVE-2025-4953). */
async function bindMount(session: BuildSession, mount: BindRunMount, origin: Origin): Promise<ResolvedMount> {
  const seen = { target: mount.target, readOnly: !mount.writable, propagation: 'rprivate', options: ['rbind', 'nosuid', 'nodev'] };
  const common = { ...seen, ...(mount.writable ? { overlay: true } : {}) };
  if (origin.kind === 'layers') {
    if (origin.layers.length === 0) {
      const empty = session.place('empty');
      mkdirSync(empty, { mode: 0o755 });
      return { ...common, type: 'bind', source: empty, ...(mount.source === '/' ? {} : { subpath: mount.source.slice(1) }) };
    }
    const path = await insideOf(session, origin.layers, mount);
    const subpath = path === '' ? {} : { subpath: path };
    // Of an image nothing but a copy on top is ever written.
    return { ...seen, type: 'image', name: mount.from ?? '', source: origin.layers.map((layer) => layer.chainId).join(','), ...subpath };
  }
  // Resolved beneath the context, and opened beneath it once more when it is mounted (CVE-2024-1753).
  const { path, stat } = follow(origin.tree, mount.source, 'follow');
  if (stat === undefined) throw new ScullError('NOT_FOUND', `${JSON.stringify(mount.source)} is not in the build context`);
  if (ignoreOf(session, origin.tree).count === 0) return { ...common, type: 'bind', source: origin.tree.root, ...(path === '' ? {} : { subpath: path }) };
  return { ...common, type: 'bind', source: filteredContext(session, origin.tree), ...(path === '' ? {} : { subpath: path }) };
}

/**
 * Where a path of an image leads, `/` of its links being the image's own. It is opened beneath the image's root once more when it
 * is mounted; what can't be looked at from outside is left to that.
 */
async function insideOf(session: BuildSession, layers: readonly LayerRef[], { source: path, from = '' }: BindRunMount): Promise<string> {
  if (path === '/') return '';
  const { store } = session.engine;
  const opaque = new Set<string>();
  for (const layer of layers) {
    await session.finished(layer); // its record is there then
    const { diff } = layerPaths(store, layer.chainId);
    for (const below of readLayer(store, layer.chainId).opaque) opaque.add(`${diff}/${Buffer.from(below, 'latin1').toString()}`);
  }
  try {
    const found = resolveInRootfs(layerDirectories(session, layers), path, { isOpaque: (directory) => opaque.has(directory) });
    if (found === undefined) throw new ScullError('NOT_FOUND', `${JSON.stringify(path)} is not in ${JSON.stringify(from)}, and leads nowhere in it`);
    return found;
  } catch (error) {
    if (isScullError(error, 'PERMISSION')) return path.slice(1);
    throw error;
  }
}

const filtered = new WeakMap<BuildSession, string>();

/** The context without what is ignored, copied once. */
function filteredContext(session: BuildSession, tree: Tree): string {
  const known = filtered.get(session);
  if (known !== undefined) return known;
  const place = session.place('context');
  mkdirSync(place, { mode: 0o755 });
  const selections = select(tree, '/', { parents: false, exclude: NOTHING_IGNORED, ignore: session.context.ignore });
  placeFiles(place, selections, { target: '/', owner: { uid: 0, gid: 0 }, parentOwner: { uid: 0, gid: 0 }, keepLinks: false, singleId: true });
  filtered.set(session, place);
  return place;
}

async function fillCache(session: BuildSession, mount: CacheRunMount, origin: Origin | undefined, directory: string): Promise<void> {
  if (origin?.kind === 'context') {
    const { path } = follow(origin.tree, mount.source, 'follow');
    await runInUserNamespace('cp', ['-a', '--no-preserve=ownership', '--', join(origin.tree.root, path, '.'), directory], { readOnlyExcept: [directory] });
  } else if (origin !== undefined && origin.layers.length > 0) await copyFromLayers(session, origin.layers, mount.source, directory);
  chmodSync(directory, mount.mode);
  if (mount.uid === 0 && mount.gid === 0) return;
  const result = await runInUserNamespace('chown', [`${mount.uid}:${mount.gid}`, directory]);
  if (result.status !== 0) throw new ScullError('INVALID', `the cache mount at ${mount.target} can't be given to ${mount.uid}:${mount.gid}: ${result.stderr.trim()}`);
}

async function copyFromLayers(session: BuildSession, layers: readonly LayerRef[], source: string, directory: string): Promise<void> {
  const root = session.place('source');
  mkdirSync(root, { mode: 0o700 });
  const steps = await mountPlan(session.engine.store, { lowers: layers.map((layer) => layer.chainId), target: root });
  const inner = session.place('inner');
  mkdirSync(inner, { mode: 0o700 });
  const command = launchCommand({ steps: source === '/' ? steps : [...steps, { kind: 'beneath', base: root, path: source.slice(1), target: inner }], writable: [directory], program: ['cp', '-a', '--', `${source === '/' ? root : inner}/.`, directory] });
  const child = start(command.file, command.args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const status = await new Promise<number>((resolve) => child.once('close', (code, signal) => resolve(exitStatus(code, signal))));
  if (status !== 0) throw new ScullError('NOT_FOUND', `a cache mount can't be filled from ${JSON.stringify(source)}: ${stderr.trim().split('\n')[0] ?? ''}`);
}

async function addSecret(session: BuildSession, mount: SecretRunMount, mounts: ResolvedMount[], environment: string[], releases: (() => void)[]): Promise<void> {
  const content = readSecret(session, mount);
  if (content === undefined) return;
  if (mount.environment !== undefined) environment.push(`${mount.environment}=${content.toString()}`);
  if (mount.target === undefined) return;
  const { file, remove } = privateFile(session, content, mount.mode);
  releases.push(remove);
  if (mount.uid !== 0 || mount.gid !== 0) {
    const result = await runInUserNamespace('chown', [`${mount.uid}:${mount.gid}`, file]);
    if (result.status !== 0) throw new ScullError('INVALID', `the secret ${mount.id} can't be given to ${mount.uid}:${mount.gid}: ${result.stderr.trim()}`);
  }
  mounts.push(plainBind(file, mount.target, true));
}

function readSecret(session: BuildSession, mount: SecretRunMount): Buffer | undefined {
  const source = session.options.secrets.get(mount.id);
  if (source === undefined) {
    if (!mount.required) return undefined;
    throw new ScullError('NOT_FOUND', `the secret ${JSON.stringify(mount.id)} is required, but was not given`, { hint: `give it with --secret id=${mount.id},src=FILE` });
  }
  if (source.kind === 'env') {
    const value = environmentVariable(source.variable);
    if (value === undefined) throw new ScullError('NOT_FOUND', `the secret ${JSON.stringify(mount.id)} is to come from the variable ${source.variable}, which is not set`);
    return Buffer.from(value);
  }
  try {
    return readFileSync(source.path);
  } catch (cause) {
    throw new ScullError('NOT_FOUND', `cannot read the secret ${JSON.stringify(mount.id)} from ${JSON.stringify(source.path)}: ${describeErrno(cause)}`, { cause });
  }
}

function privateFile(session: BuildSession, content: Buffer, mode: number): { file: string; remove: () => void } {
  const directory = session.privatePlace();
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, 'secret');
  writeFileSync(file, content, { mode: 0o600 });
  chmodSync(file, mode);
  return { file, remove: () => removeTree(directory) };
}

async function addAgent(session: BuildSession, mount: SshRunMount, mounts: ResolvedMount[], environment: string[]): Promise<void> {
  const given = session.options.ssh.get(mount.id);
  if (given === undefined) {
    if (!mount.required) return;
    throw new ScullError('NOT_FOUND', `the ssh agent ${JSON.stringify(mount.id)} is required, but was not given`, { hint: `give it with --ssh ${mount.id}` });
  }
  const agent = await agentSocket(session, mount.id, given);
  const { uid, gid, mode } = mount;
  const isPlain = uid === 0 && gid === 0 && mode === 0o600;
  const socket = isPlain ? agent : await session.once(`ssh ${mount.id} ${uid} ${gid} ${mode}`, async () => (await import('./ssh-agent.ts')).agentFor(session, agent, mount));
  mounts.push(plainBind(socket, mount.target, false));
  environment.push(`SSH_AUTH_SOCK=${mount.target}`);
}

/** The caller's agent, another one by its socket, or one of ours with the keys that were named. */
async function agentSocket(session: BuildSession, id: string, given: readonly string[]): Promise<string> {
  const socket = given[0] ?? environmentVariable('SSH_AUTH_SOCK');
  if (socket === undefined) throw new ScullError('NOT_FOUND', 'there is no ssh agent: SSH_AUTH_SOCK is not set', { hint: 'start one: eval $(ssh-agent) && ssh-add; or name a key: --ssh default=FILE' });
  const stats = [...given, ...(given.length === 0 ? [socket] : [])].map((path) => statSync(path, { throwIfNoEntry: false }));
  const missing = stats.indexOf(undefined);
  if (missing >= 0) throw new ScullError('NOT_FOUND', given.length === 0 ? `the ssh agent's socket ${JSON.stringify(socket)} does not exist` : `--ssh ${id}: ${JSON.stringify(given[missing])} does not exist`);
  const sockets = stats.filter((stat) => stat?.isSocket() === true).length;
  if (sockets > 0 && stats.length > 1) throw new ScullError('INVALID', `--ssh ${id} names ${sockets === stats.length ? 'several sockets' : 'keys and a socket'}: it is one socket of an agent, or keys`);
  if (sockets === 1) return socket;
  return session.once(`ssh ${id}`, async () => (await import('./ssh-agent.ts')).startKeyAgent(session, id, given));
}

function scriptMount(session: BuildSession, script: { readonly target: string; readonly content: string }): ResolvedMount {
  const file = session.place('script');
  writeFileSync(file, script.content, { mode: 0o700 });
  chmodSync(file, 0o755);
  return plainBind(file, script.target, true);
}
