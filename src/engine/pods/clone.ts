/** pod clone: a pod made like another one, with containers made like its containers. podman-pod-clone(1) */
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { EMPTY_CONTAINER_SPEC, type ContainerSpec, type NamespaceSpec } from '../../spec/container-spec.ts';
import type { PodRecord } from '../../storage/pods.ts';
import { createContainer } from '../containers/create.ts';
import { wishAgain, withFreeName } from '../containers/wish-again.ts';
import type { Engine } from '../engine.ts';
import { createPod, type PodRequest } from './create.ts';
import { findPod } from './find.ts';
import { startPod } from './lifecycle.ts';
import { othersOf } from './members.ts';
import { removePod } from './remove.ts';

export interface ClonePodOptions {
  /** That of the other one with `-clone` unless given. */
  readonly name?: string | undefined;
  /** Remove the other one. */
  readonly destroy?: boolean;
  readonly start?: boolean;
}

/** @throws ScullError NO_SUCH_POD, NAME_TAKEN, and as for `create`: nothing is left of the new pod then */
export async function clonePod(engine: Engine, typed: string, options: ClonePodOptions = {}): Promise<PodRecord> {
  const source = findPod(engine, typed);
  const members = othersOf(engine, source.id);
  const make = (name: string): Promise<PodRecord> => createPod(engine, { ...requestLike(source), name });
  const pod = options.name === undefined ? await withFreeName(source.name, make) : await make(options.name);
  try {
    for (const { record } of members) {
      const spec = { ...wishOf(record, source), pod: pod.name };
      await withFreeName(record.name, (name) => createContainer(engine, { ...spec, name }));
    }
    if (options.destroy === true) await removePod(engine, source, { force: true });
    if (options.start === true) await startPod(engine, pod);
  } catch (error) {
    await removePod(engine, pod, { force: true });
    throw error;
  }
  return pod;
}

/** What the pod was asked to be, apart from its name and what was derived from that. Pure. */
function requestLike({ name, hostname, labels, share, exitPolicy, infra, members, resources = {} }: PodRecord): Omit<PodRequest, 'name'> {
  const { hostname: _hostname, ...kept } = infra?.spec ?? EMPTY_CONTAINER_SPEC;
  const { mode } = kept.network;
  const network = mode.mode === 'networks' ? { ...kept.network, mode: { ...mode, networks: mode.networks.map((one) => ({ ...one, aliases: one.aliases.filter((alias) => alias !== name) })) } } : kept.network;
  return { infra: infra !== undefined, share, exitPolicy, spec: { ...kept, ...members, resources, labels, network, ...(hostname === name.slice(0, 63) ? {} : { hostname }) } };
}

/** What the container was asked to be before it was put into its pod: joinedSpec the other way round. Pure. */
export function wishOf(record: Pick<ContainerRecord, 'spec' | 'image'>, pod: PodRecord): ContainerSpec {
  const isInfra = (wish: { readonly mode: string; readonly container?: string }): boolean => wish.mode === 'container' && wish.container === pod.infra?.id;
  const own = <T extends { readonly mode: string }, D>(wish: T, unjoined: D): T | D => (isInfra(wish) ? unjoined : wish);
  const { hostname, ...rest } = wishAgain(record);
  const { spec } = record;
  const { namespaces } = EMPTY_CONTAINER_SPEC;
  const { cgroupParent: _cgroupParent, ...withoutParent } = spec.resources;
  const unjoined: NamespaceSpec = {
    user: own(spec.namespaces.user, namespaces.user),
    pid: own(spec.namespaces.pid, namespaces.pid),
    ipc: own(spec.namespaces.ipc, namespaces.ipc),
    uts: own(spec.namespaces.uts, namespaces.uts),
    cgroup: own(spec.namespaces.cgroup, namespaces.cgroup),
  };
  return {
    ...rest,
    namespaces: unjoined,
    resources: pod.resources === undefined ? spec.resources : withoutParent,
    network: isInfra(spec.network.mode) ? { ...spec.network, mode: EMPTY_CONTAINER_SPEC.network.mode } : spec.network,
    volumesFrom: spec.volumesFrom.filter((from) => !pod.members.volumesFrom.some((other) => JSON.stringify(other) === JSON.stringify(from))),
    ...(hostname === undefined || isInfra(spec.namespaces.uts) ? {} : { hostname }),
  };
}
