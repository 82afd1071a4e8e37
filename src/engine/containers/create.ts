/** create: the wish becomes a container on disk. Nothing runs yet. */
import { hostname } from 'node:os';
import { existsSync, unlinkSync } from 'node:fs';
import { isScullError, ScullError } from '../../host/errors.ts';
import { randomId } from '../../host/identity.ts';
import { callerEnvironment } from '../../host/environment.ts';
import { trace } from '../../host/trace.ts';
import { cgroupPlan } from '../../runtime/cgroups.ts';
import { claimContainer, releaseClaim, type ClaimPurpose } from '../../runtime/claim.ts';
import type { ContainerConfig, ContainerRecord } from '../../runtime/container-record.ts';
import { CONTAINER_FORMAT } from '../../runtime/container-record.ts';
import { commitContainer, findContainer, findContainerId, isName, nameOwner, releaseName, reserveName } from '../../runtime/container-store.ts';
import { mergeConfig } from '../../runtime/merge.ts';
import { readZone } from '../../runtime/timezone.ts';
import type { ImageRecord } from '../../storage/image-types.ts';
import type { ContainerSpec, NetworkMode } from '../../spec/container-spec.ts';
import { digestHex } from '../../oci/digest.ts';
import { hasFileTransport } from '../../oci/reference.ts';
import type { Engine } from '../engine.ts';
import { recordContainerEvent } from '../events/record.ts';
import { ensureImage } from '../images/ensure.ts';
import type { RegistryChoices } from '../images/registry-choices.ts';
import { sweepContainers } from './cleanup.ts';
import { writeIdFile } from './id-file.ts';
import { unlessAborted } from './interruption.ts';
import { resolveMounts } from './mounts.ts';
import { inventName } from './names.ts';
import { removeContainer, removeDirectory } from './removal.ts';

export interface CreateOptions {
  /** Remove a container of the same name first. */
  readonly replace?: boolean;
  /** The words of the command line, for inspect and generate systemd. */
  readonly createCommand?: readonly string[];
  /** How to talk to the registry of the image. Images that are mounted are other registries' business: no login is shown to those. */
  readonly registry?: RegistryChoices;
  /** Ends the wait for an image that is being pulled. */
  readonly abort?: AbortSignal;
  /** Claim the container for this process before it exists, for a caller that starts it at once. */
  readonly claim?: ClaimPurpose;
  /** The container that keeps the namespaces of this pod: its id was chosen before, and it needs no files. */
  readonly infraOf?: { readonly pod: string; readonly id: string };
  /** It does its work before the others of its pod start: its end is not that of the pod. */
  readonly beforeOthers?: boolean;
}

/**
 * podman-create(1).
 * @throws ScullError NAME_TAKEN, NO_SUCH_IMAGE, INVALID …; nothing is left then
 */
export async function createContainer(engine: Engine, wish: ContainerSpec, options: CreateOptions = {}): Promise<ContainerRecord> {
  const known = withIds(engine, wish);
  if (known.pod === undefined) return createAlone(engine, known, options);
  const { createInPod } = await import('../pods/join.ts');
  return createInPod(engine, known, (spec, { stops, ...pod }) => createAlone(engine, spec, options, { ...pod, ...(stops === true && options.beforeOthers !== true ? { stops } : {}) }));
}

/** The containers that it joins or requires by their ids: those may get other names. @throws ScullError NO_SUCH_CONTAINER, AMBIGUOUS */
function withIds({ store }: Engine, wish: ContainerSpec): ContainerSpec {
  const { network, namespaces, requires } = wish;
  const joins = [network.mode, ...Object.values(namespaces)].some(({ mode }) => mode === 'container');
  if (!joins && requires === undefined) return wish;
  const withId = <Mode extends { readonly mode: string }>(mode: Mode): Mode => ('container' in mode ? { ...mode, container: findContainerId(store.layout, String(mode.container)) } : mode);
  const { user, pid, ipc, uts, cgroup } = namespaces;
  return {
    ...wish,
    network: { ...network, mode: withId(network.mode) },
    namespaces: { user: withId(user), pid: withId(pid), ipc: withId(ipc), uts: withId(uts), cgroup: withId(cgroup) },
    ...(requires === undefined ? {} : { requires: requires.map((name) => findContainerId(store.layout, name)) }),
  };
}

/** @param pod that it is a member of */
async function createAlone(engine: Engine, spec: ContainerSpec, options: CreateOptions, pod?: ContainerRecord['pod']): Promise<ContainerRecord> {
  const { layout } = engine.store;
  if (spec.name !== undefined && !isName(spec.name)) {
    throw new ScullError('INVALID', `invalid container name ${JSON.stringify(spec.name.slice(0, 200))}: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*`);
  }
  const image = spec.image === undefined ? undefined : await unlessAborted(ensureImage(engine, spec.image, { ...options.registry, pull: spec.pull, ...(spec.platform === undefined ? {} : { platform: spec.platform }) }), options.abort);
  trace('image found');
  if (image === undefined && options.infraOf === undefined) checkRootfs(spec);
  const id = options.infraOf?.id ?? randomId();
  await sweepContainers(engine);
  if (options.replace === true && spec.name !== undefined) await removeNamed(engine, spec.name);
  const name = takeName(engine, spec, id);
  let cidFile: string | undefined;
  try {
    cidFile = spec.cidFile === undefined ? undefined : writeIdFile(spec.cidFile, id, '--cidfile');
    const secrets = (spec.secrets ?? []).length === 0 ? undefined : (await import('../secrets/containers.ts')).takeSecrets(engine, spec.secrets ?? []);
    const config = { ...(await makeConfig(engine, spec, image, id, name)), ...(secrets === undefined ? {} : { secrets: secrets.resolved }) };
    const membership: ContainerRecord['pod'] = options.infraOf === undefined ? pod : { id: options.infraOf.pod, infra: true };
    const draft: ContainerRecord = { ...makeRecord(spec, image, config, id, name), ...(membership === undefined ? {} : { pod: membership }), ...(options.createCommand === undefined ? {} : { createCommand: options.createCommand }) };
    if (spec.hostUsers !== undefined) spec.hostUsers.forEach((await import('./host-user.ts')).hostUser);
    if (config.health !== undefined) (await import('./health.ts')).checkLogDestination(config.health);
    if (options.claim !== undefined) await claimContainer(layout, cgroupPlan(), id, options.claim);
    const record = await commit(engine, draft, secrets?.write);
    await confirmLayers(engine, record);
    if (pod !== undefined) await (await import('../pods/join.ts')).confirmPod(engine, record);
    recordContainerEvent(engine, record, 'create');
    return record;
  } catch (error) {
    releaseName(layout, name, id);
    if (options.claim !== undefined) await releaseClaim(layout, cgroupPlan(), id);
    if (cidFile !== undefined) unlinkSync(cidFile);
    throw error;
  }
}

/** @returns the record as it was written */
async function commit(engine: Engine, record: ContainerRecord, write: Parameters<typeof commitContainer>[3]): Promise<ContainerRecord> {
  // What is removed at its end anyway need not survive a power cut.
  const make = (complete: ContainerRecord): void => commitContainer(engine.store.layout, complete, !complete.spec.autoRemove, write);
  if (record.spec.namespaces.user.mode === 'auto') return (await import('./own-ids.ts')).withOwnIds(engine, record, make);
  make(record);
  return record;
}

/**
 * An image may be removed while a container of it is being made. The garbage collection looks at containers once more after it
 * has moved layers away (storage/garbage.ts), so layers that are there now, when the container can be seen, stay.
 * @throws ScullError NO_SUCH_IMAGE when they are not; the container is gone then
 */
async function confirmLayers(engine: Engine, record: ContainerRecord): Promise<void> {
  const { layout } = engine.store;
  const layers = record.image?.layers ?? [];
  const allThere = (): boolean => layers.every((layer) => existsSync(layout.layer(layer).record));
  if (allThere()) return;
  const { withLock } = await import('../../storage/locks.ts');
  if (await withLock(engine.store, 'images', allThere)) return; // they had only been moved for a moment
  await removeDirectory(engine, record.id);
  throw new ScullError('NO_SUCH_IMAGE', `the image ${record.image?.name ?? ''} was removed while a container was being made of it`, { hint: 'pull or load it again' });
}

function checkRootfs(spec: ContainerSpec): void {
  if (spec.rootfs === undefined) throw new ScullError('USAGE', 'neither an image nor a root file system was given');
  if (!existsSync(spec.rootfs)) throw new ScullError('NOT_FOUND', `the root file system ${JSON.stringify(spec.rootfs)} does not exist`);
}

async function removeNamed(engine: Engine, name: string): Promise<void> {
  if (nameOwner(engine.store.layout, name) === undefined) return;
  try {
    await removeContainer(engine, findContainer(engine.store.layout, name), { force: true, volumes: true });
  } catch (error) {
    if (!isScullError(error, 'NO_SUCH_CONTAINER')) throw error;
  }
}

function takeName(engine: Engine, spec: ContainerSpec, id: string): string {
  if (spec.name !== undefined) {
    reserveName(engine.store.layout, spec.name, id);
    return spec.name;
  }
  for (let attempt = 0; ; attempt++) {
    const name = inventName(attempt);
    try {
      reserveName(engine.store.layout, name, id);
      return name;
    } catch (error) {
      if (!isScullError(error, 'NAME_TAKEN') || attempt > 100) throw error;
    }
  }
}

async function makeConfig(engine: Engine, spec: ContainerSpec, image: ImageRecord | undefined, id: string, name: string): Promise<ContainerConfig> {
  const merged = mergeConfig(spec, image?.config, {
    id,
    name,
    callerEnvironment: callerEnvironment(),
    hostHostname: hostname(),
    callerUid: process.getuid?.() ?? 0,
    callerGid: process.getgid?.() ?? 0,
  });
  if (spec.log.driver === 'journald') checkJournal();
  // Told now, not with every start.
  if (spec.timezone !== undefined) readZone(spec.timezone);
  if (spec.devices.length > 0) spec.devices.forEach((await import('../../runtime/host-devices.ts')).expandDevices);
  if (spec.cdiDevices !== undefined) await (await import('../../runtime/cdi.ts')).resolveCdi(spec.cdiDevices);
  if (spec.security.seccomp !== undefined) (await import('./seccomp-file.ts')).readSeccompFile(spec.security.seccomp);
  const mounts = await resolveMounts(engine, spec, image);
  return { ...merged, networkMode: await resolveNetworks(engine, merged.networkMode), ports: await choosePorts(engine, spec, merged.exposedPorts), mounts };
}

/** Networks by their full names, each once. @throws ScullError NO_SUCH_NETWORK, INVALID */
async function resolveNetworks(engine: Engine, mode: NetworkMode): Promise<NetworkMode> {
  if (mode.mode !== 'networks') return mode;
  const { findNetwork } = await import('../networks/find.ts');
  const networks = mode.networks.map((wish) => ({ ...wish, name: findNetwork(engine, wish.name).name }));
  const twice = networks.find((one, index) => networks.findIndex((other) => other.name === one.name) < index);
  if (twice !== undefined) throw new ScullError('INVALID', `the network ${JSON.stringify(twice.name)} was given twice`);
  return { mode: 'networks', networks };
}

/** conmon would write to nobody, without a word. systemd-journald.service(8) "FILES". */
function checkJournal(): void {
  if (existsSync('/run/systemd/journal/socket')) return;
  throw new ScullError('UNSUPPORTED', '--log-driver=journald: there is no journal on this machine', { hint: 'use --log-driver=k8s-file, the default' });
}

/** Only who publishes ports pays for looking at the host's. */
async function choosePorts(engine: Engine, spec: ContainerSpec, exposed: readonly string[]): Promise<ContainerConfig['ports']> {
  if (spec.network.ports.length === 0 && !spec.network.publishAll) return [];
  const { chooseHostPorts, publishedPorts, raiseLowPorts } = await import('../../network/ports.ts');
  const wished = publishedPorts(spec.network.ports, exposed, spec.network.publishAll);
  if (spec.network.raiseLowPorts !== true) return chooseHostPorts(wished);
  const { ports, told } = raiseLowPorts(wished);
  for (const text of told) engine.progress({ kind: 'message', level: 'warning', text });
  return chooseHostPorts(ports);
}

let last = 0;

/** Of two that one command makes the second is younger, also where a millisecond is enough for both: what is sorted by age keeps their order. */
function moment(): string {
  last = Math.max(Date.now(), last + 1);
  return new Date(last).toISOString();
}

function makeRecord(spec: ContainerSpec, image: ImageRecord | undefined, config: ContainerConfig, id: string, name: string): ContainerRecord {
  return {
    format: CONTAINER_FORMAT,
    id,
    name,
    created: moment(),
    spec,
    ...(image === undefined
      ? {}
      : {
          image: {
            id: image.id,
            manifestDigest: image.manifestDigest,
            name: image.names.includes(spec.image ?? '') ? (spec.image as string) : shownName(image, spec.image ?? ''),
            layers: image.layers.map((layer) => digestHex(layer.chainId)),
          },
        }),
    config,
  };
}

/** The full name that what was typed resolved to, or that the image has in its file; an id stays an id. */
function shownName(image: ImageRecord, typed: string): string {
  if (hasFileTransport(typed)) return image.names[0] ?? image.id;
  const plain = typed.replace(/@.*$/, '');
  const fits = (name: string): boolean => name === plain || name === `${plain}:latest` || name.endsWith(`/${plain}`) || name.endsWith(`/${plain}:latest`);
  return image.names.find(fits) ?? (/^(?:sha256:)?[0-9a-f]{4,64}$/.test(plain) ? (image.names[0] ?? image.id) : typed);
}
