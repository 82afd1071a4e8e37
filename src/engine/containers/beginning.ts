/** The namespaces of a container that is about to start: begun as early as possible, for they take as long as all the rest. */
import { ScullError } from '../../host/errors.ts';
import { passedSockets } from '../../host/service-manager.ts';
import { cgroupPlan, cgroupToDivide } from '../../runtime/cgroups.ts';
import { beginMonitor, type NamespaceRequest, type PendingMonitor } from '../../runtime/monitor.ts';
import type { ContainerSpec, NetworkMode } from '../../spec/container-spec.ts';
import { defaultIdMaps } from '../../userns/id-maps.ts';
import type { UserNamespaceOf } from '../../userns/launch-request.ts';
import type { Engine } from '../engine.ts';
import type { Engaged } from '../networks/switch.ts';
import type { SharedNamespaces } from './shared-namespaces.ts';

export interface Beginning {
  readonly ready: Promise<{ readonly pending: PendingMonitor; readonly engaged: Engaged | undefined }>;
  /** Nothing comes of it. */
  abandon(): Promise<void>;
  /** The start is over, well or not: the switch need not be kept for us any longer. */
  leave(): void;
}

/** What its process gets of ours, and where its user namespace is made. */
export type Handed = Pick<NamespaceRequest, 'capture' | 'descriptors' | 'within'>;

/**
 * Begins before the container exists or is claimed, where its wish alone says what its namespaces are.
 * @param mode its networks by their full names, once it exists
 * @returns undefined where another container, or whose a namespace is, has to be looked at first
 */
export function beginEarly(engine: Engine, spec: ContainerSpec, handed: Handed, mode: NetworkMode = spec.network.mode): Beginning | undefined {
  const { user, pid, ipc, uts, cgroup } = spec.namespaces;
  if (spec.pod !== undefined) return undefined;
  if ([user, pid, ipc, uts, cgroup, mode].some((wish) => wish.mode === 'container' || wish.mode === 'path')) return undefined;
  return beginLaunch(engine, spec, mode, {}, handed);
}

/** Nothing comes of it, and nobody needs it any longer. */
export async function forsake(beginning: Beginning | undefined): Promise<void> {
  await beginning?.abandon();
  beginning?.leave();
}

/** Begins with the namespaces of others that are joined. */
export function beginLaunch(engine: Engine, spec: ContainerSpec, mode: NetworkMode, shared: Pick<SharedNamespaces, 'joinUser'>, handed: Handed): Beginning {
  if (mode.mode !== 'networks') {
    const pending = beginMonitor(namespacesOf(engine, spec, mode, shared.joinUser, handed));
    return { ready: Promise.resolve({ pending, engaged: undefined }), abandon: () => pending.abandon(), leave: () => undefined };
  }
  let engaged: Engaged | undefined;
  let pending: PendingMonitor | undefined;
  const ready = (async () => {
    const { engageSwitch } = await import('../networks/switch.ts');
    engaged = await engageSwitch(engine);
    await refuseStranger(engaged, shared.joinUser);
    pending = beginMonitor(namespacesOf(engine, spec, mode, engaged.holder.pid, handed));
    return { pending, engaged };
  })();
  ready.catch(() => undefined); // told to who waits for it
  return {
    ready,
    abandon: async () => {
      await ready.catch(() => undefined);
      await pending?.abandon();
    },
    leave: () => engaged?.leave(),
  };
}

/** All that is on named networks lives in one user namespace, and so must whatever shares another namespace with it. */
async function refuseStranger({ holder }: Engaged, other: UserNamespaceOf | undefined): Promise<void> {
  if (other === undefined) return;
  const { readlinkSync } = await import('node:fs');
  const userNamespace = (pid: number): string => readlinkSync(`/proc/${pid}/ns/user`);
  if (typeof other === 'number' && userNamespace(other) === userNamespace(holder.pid)) return;
  throw new ScullError('UNSUPPORTED', 'a container on a network of several can share namespaces only with containers that are on such networks too', { hint: 'start the other one with --network bridge, or share its network with --network container:NAME' });
}

/** Networks whose namespace the launcher makes, so that it can be connected while crun still works. */
const OWN = ['default', 'pasta', 'none', 'networks'];

function namespacesOf(engine: Engine, spec: ContainerSpec, mode: NetworkMode, joinUser: UserNamespaceOf | undefined, { capture, descriptors, within }: Handed): NamespaceRequest {
  return {
    layout: engine.store.layout,
    cgroup: cgroupPlan(),
    maps: defaultIdMaps(),
    keepGroups: spec.groupAdd.includes('keep-groups'),
    ...(joinUser === undefined ? { within } : { joinUser }),
    // A network namespace must belong to the innermost user namespace; where crun makes that one, it makes both.
    network: OWN.includes(mode.mode) && spec.namespaces.user.mode === 'host' && (joinUser === undefined || mode.mode === 'networks'),
    divide: cgroupToDivide(spec.resources),
    passthrough: spec.log.driver === 'passthrough',
    passedSockets: capture === undefined ? passedSockets().count : 0,
    capture,
    descriptors,
  };
}
