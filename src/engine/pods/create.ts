/** pod create: the pod's file, then the container that keeps its namespaces. Nothing runs yet. */
import { unlinkSync } from 'node:fs';
import { isScullError, ScullError } from '../../host/errors.ts';
import { randomId } from '../../host/identity.ts';
import { PAUSE_COMMAND, type ContainerRecord } from '../../runtime/container-record.ts';
import { nameHolder, readContainer } from '../../runtime/container-store.ts';
import type { ContainerSpec, ResourceSpec } from '../../spec/container-spec.ts';
import type { ExitPolicy, PodNamespace } from '../../spec/pod.ts';
import { POD_FORMAT, removePodFile, writePod, type PodRecord } from '../../storage/pods.ts';
import { podSlice } from '../../systemd/slice.ts';
import { createContainer } from '../containers/create.ts';
import { writeIdFile } from '../containers/id-file.ts';
import { inventName } from '../containers/names.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';
import { withPodLock } from './lock.ts';

export interface PodRequest {
  /** One is made up otherwise. */
  readonly name?: string;
  readonly infra: boolean;
  readonly infraName?: string;
  readonly share: readonly PodNamespace[];
  readonly exitPolicy: ExitPolicy;
  /** See {@link PodRecord.service}. */
  readonly service?: PodRecord['service'];
  /** What the infra container is to have, and in mounts, volumesFrom, devices and restart what its members get. */
  readonly spec: ContainerSpec;
}

export interface PodCreateOptions {
  /** Remove a pod of the same name first, with its containers. */
  readonly replace?: boolean;
  readonly createCommand?: readonly string[];
  /** --pod-id-file: a new file. */
  readonly idFile?: string | undefined;
}

/** podman-pod-create(1). @throws ScullError NAME_TAKEN, INVALID, IN_USE …; nothing is left then */
export async function createPod(engine: Engine, request: PodRequest, options: PodCreateOptions = {}): Promise<PodRecord> {
  if (!request.infra) refuseWithoutInfra(request);
  if (hasLimits(request.spec.resources)) (await import('./limits.ts')).checkPodLimits(request.spec.resources);
  if (options.replace === true) await replaceNamed(engine, request.name);
  const idFile = options.idFile;
  const id = randomId();
  if (idFile !== undefined) writeIdFile(idFile, id, '--pod-id-file');
  try {
    const pod = await writeNamed(engine, (name) => podRecord(request, { id, name, ...(options.createCommand === undefined ? {} : { createCommand: options.createCommand }) }), request.name);
    try {
      await withPodLock(engine, id, () => infraOf(engine, pod));
    } catch (error) {
      await removePodFile(engine.store, pod.name, id);
      throw error;
    }
    recordEvent(engine, { type: 'pod', status: 'create', id, name: pod.name, attributes: pod.labels });
    return pod;
  } catch (error) {
    if (idFile !== undefined) unlinkSync(idFile);
    throw error;
  }
}

/** The infra container; it is made where it is missing, as after a command that was killed. To be called with the pod's lock held. */
export async function infraOf(engine: Engine, pod: PodRecord): Promise<ContainerRecord | undefined> {
  const { infra } = pod;
  if (infra === undefined) return undefined;
  const found = readContainer(engine.store.layout, infra.id);
  return found ?? createContainer(engine, { ...infra.spec, name: infra.name }, { infraOf: { pod: pod.id, id: infra.id }, ...(pod.createCommand === undefined ? {} : { createCommand: pod.createCommand }) });
}

function refuseWithoutInfra({ share, infraName, spec }: PodRequest): void {
  const refused = share.length > 0 ? `the namespaces ${share.join(', ')} can't be shared` : infraName !== undefined ? '--infra-name has no meaning' : spec.network.ports.length > 0 ? 'ports can\'t be published' : hasLimits(spec.resources) ? 'a pod can\'t be limited' : undefined;
  if (refused !== undefined) throw new ScullError('INVALID', `${refused} without an infra container`, { hint: 'leave out --infra=false' });
}

async function replaceNamed(engine: Engine, name: string | undefined): Promise<void> {
  if (name === undefined) throw new ScullError('USAGE', 'cannot replace a pod without its name');
  const { removePods } = await import('./remove.ts');
  const [outcome] = await removePods(engine, { names: [name], ignore: true, force: true });
  if (outcome?.error !== undefined) throw outcome.error;
}

async function writeNamed(engine: Engine, record: (name: string) => PodRecord, name: string | undefined): Promise<PodRecord> {
  for (let attempt = 0; ; attempt++) {
    const pod = record(name ?? inventName(attempt));
    try {
      await writePod(engine.store, pod);
      await refuseContainerName(engine, pod);
      return pod;
    } catch (error) {
      if (name !== undefined || attempt > 100 || !isScullError(error, 'NAME_TAKEN')) throw error;
    }
  }
}

/** Who makes a container looks for a pod of its name when it has the name, and we the other way round: one of two at once sees the other. */
async function refuseContainerName(engine: Engine, { name, id }: PodRecord): Promise<void> {
  const holder = nameHolder(engine.store.layout, name);
  if (holder === undefined) return;
  await removePodFile(engine.store, name, id);
  throw new ScullError('NAME_TAKEN', `the name ${JSON.stringify(name)} is already in use by container ${holder.slice(0, 12)}`, { hint: 'use another name; containers and pods share them' });
}

function hasLimits(resources: ResourceSpec): boolean {
  return Object.keys(resources).length > 0;
}

/** Pure. */
export function podRecord(request: PodRequest, given: { readonly id: string; readonly name: string; readonly createCommand?: readonly string[] }): PodRecord {
  const { spec } = request;
  // Members have to be in the user namespace that the shared ones belong to.
  const share: readonly PodNamespace[] = spec.namespaces.user.mode === 'host' || request.share.length === 0 ? request.share : [...new Set<PodNamespace>([...request.share, 'user'])].sort();
  const hostname = spec.hostname ?? given.name.slice(0, 63);
  const limits = hasLimits(spec.resources) ? spec.resources : undefined;
  return {
    format: POD_FORMAT,
    id: given.id,
    name: given.name,
    created: new Date().toISOString(),
    labels: spec.labels,
    hostname,
    exitPolicy: request.exitPolicy,
    share,
    ...(request.infra ? { infra: { id: randomId(), name: request.infraName ?? `${given.id.slice(0, 12)}-infra`, spec: infraSpec({ ...spec, resources: resourcesOfMember(given.id, limits) }, given.name, hostname, share) } } : {}),
    ...(limits === undefined ? {} : { resources: limits }),
    members: { mounts: spec.mounts, volumesFrom: spec.volumesFrom, devices: spec.devices, ...(spec.cdiDevices === undefined ? {} : { cdiDevices: spec.cdiDevices }), ...(spec.restart === undefined ? {} : { restart: spec.restart }) },
    ...(request.service === undefined ? {} : { service: request.service }),
    ...(given.createCommand === undefined ? {} : { createCommand: given.createCommand }),
  };
}

/** Containers of a pod that has limits are in its slice, whatever they ask for. */
export function resourcesOfMember(podId: string, limits: ResourceSpec | undefined, own: ResourceSpec = {}): ResourceSpec {
  return limits === undefined ? own : { ...own, cgroupParent: podSlice(podId, limits.cgroupParent) };
}

/** It keeps namespaces and can do nothing else. */
function infraSpec({ restart: _restart, image: _image, cdiDevices: _cdi, ...spec }: ContainerSpec, name: string, hostname: string, share: readonly PodNamespace[]): ContainerSpec {
  return {
    ...spec,
    command: PAUSE_COMMAND,
    hostname,
    network: findable(spec.network, name),
    mounts: [],
    volumesFrom: [],
    devices: [],
    capDrop: ['ALL'],
    readOnly: true,
    readOnlyTmpfs: false,
    // What systemd is told is the business of the members.
    sdNotify: 'ignore',
    log: { driver: 'none', labels: [] },
    namespaces: { ...spec.namespaces, ...(share.includes('ipc') && spec.namespaces.ipc.mode === 'private' ? { ipc: { mode: 'shareable' } } : {}) },
  };
}

/** On named networks others find the pod by its name. */
function findable(network: ContainerSpec['network'], name: string): ContainerSpec['network'] {
  if (network.mode.mode !== 'networks') return network;
  return { ...network, mode: { ...network.mode, networks: network.mode.networks.map((one) => ({ ...one, aliases: [...one.aliases, name] })) } };
}
