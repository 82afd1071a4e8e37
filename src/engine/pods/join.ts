/** `--pod`: what a container gets of its pod. From here on it is a container like any other, with namespaces of the infra container. */
import { ScullError } from '../../host/errors.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import type { ContainerSpec, NamespaceSpec } from '../../spec/container-spec.ts';
import { EMPTY_CONTAINER_SPEC } from '../../spec/container-spec.ts';
import type { PodNamespace } from '../../spec/pod.ts';
import { parseShare } from '../../spec/pod.ts';
import type { PodRecord } from '../../storage/pods.ts';
import { releaseName } from '../../runtime/container-store.ts';
import { removeDirectory } from '../containers/removal.ts';
import type { Engine } from '../engine.ts';
import { createPod, resourcesOfMember } from './create.ts';
import { findPod, podById } from './find.ts';

const NEW = 'new:';

/**
 * @param create makes a container of the changed wish
 * @throws ScullError NO_SUCH_POD, INVALID for what has to be asked of the pod; a pod made by `new:` is gone again then
 */
export async function createInPod(engine: Engine, wish: ContainerSpec, create: (spec: ContainerSpec, membership: NonNullable<ContainerRecord['pod']>) => Promise<ContainerRecord>): Promise<ContainerRecord> {
  const asked = wish.pod ?? '';
  const made = asked.startsWith(NEW) ? await createPod(engine, { name: asked.slice(NEW.length), infra: true, share: parseShare(undefined), exitPolicy: 'continue', spec: newPodSpec(wish) }) : undefined;
  const pod = made ?? findPod(engine, asked);
  try {
    const rest = made === undefined ? wish : { ...wish, network: EMPTY_CONTAINER_SPEC.network };
    return await create(joinedSpec(rest, pod), { id: pod.id, ...(pod.exitPolicy === 'stop' ? { stops: true } : {}) });
  } catch (error) {
    if (made !== undefined) await (await import('./remove.ts')).removePod(engine, made, { force: true });
    throw error;
  }
}

/** The network is the pod's: what was asked of it for the container is. */
function newPodSpec(wish: ContainerSpec): ContainerSpec {
  return { ...EMPTY_CONTAINER_SPEC, network: wish.network };
}

/** Pure. @throws ScullError INVALID */
export function joinedSpec(wish: ContainerSpec, pod: PodRecord): ContainerSpec {
  const shares = (namespace: PodNamespace): boolean => pod.infra !== undefined && pod.share.includes(namespace);
  const infra = { mode: 'container', container: pod.infra?.id ?? '' } as const;
  const join = <T extends { readonly mode: string }>(namespace: PodNamespace, own: T): T | typeof infra => (shares(namespace) && own.mode === 'private' ? infra : own);
  const { namespaces } = wish;
  if (namespaces.user.mode !== 'host') throw new ScullError('INVALID', '--userns and --pod cannot be used together', { hint: 'give --userns to `scull pod create`' });
  const sharesNetwork = shares('net') && wish.network.mode.mode === 'default';
  if (sharesNetwork) refuseNetwork(wish, pod);
  const sharesName = shares('uts') && namespaces.uts.mode === 'private';
  if (sharesName && wish.hostname !== undefined) throw new ScullError('INVALID', `the host name is shared with the pod ${pod.name}, so a container of it can't have another`, { hint: 'give --hostname to `scull pod create`' });
  const joined: NamespaceSpec = {
    user: shares('user') ? infra : namespaces.user,
    pid: join('pid', namespaces.pid),
    ipc: join('ipc', namespaces.ipc),
    uts: join('uts', namespaces.uts),
    cgroup: join('cgroup', namespaces.cgroup),
  };
  const restart = wish.restart ?? (wish.autoRemove ? undefined : pod.members.restart);
  return {
    ...wish,
    pod: pod.name,
    namespaces: joined,
    resources: resourcesOfMember(pod.id, pod.resources, wish.resources),
    ...(sharesName ? { hostname: pod.hostname } : {}),
    network: sharesNetwork ? { ...wish.network, mode: infra } : wish.network,
    mounts: [...pod.members.mounts.filter(({ target }) => !wish.mounts.some((own) => own.target === target)), ...wish.mounts],
    volumesFrom: [...pod.members.volumesFrom, ...wish.volumesFrom],
    devices: [...pod.members.devices.filter(({ target }) => !wish.devices.some((own) => own.target === target)), ...wish.devices],
    ...(pod.members.cdiDevices === undefined ? {} : { cdiDevices: [...pod.members.cdiDevices, ...(wish.cdiDevices ?? [])] }),
    ...(restart === undefined ? {} : { restart }),
  };
}

function refuseNetwork({ network }: ContainerSpec, pod: PodRecord): void {
  const given: [flag: string, given: boolean][] = [
    ['--publish', network.ports.length > 0],
    ['--publish-all', network.publishAll],
    ['--dns', network.dns.length > 0],
    ['--dns-search', network.dnsSearch.length > 0],
    ['--dns-option', network.dnsOptions.length > 0],
    ['--add-host', network.addHosts.length > 0],
  ];
  const flag = given.find(([, is]) => is)?.[0];
  if (flag === undefined) return;
  const what = flag.startsWith('--publish') ? 'published or exposed ports must be defined when the pod is created' : `${flag} must be given when the pod is created`;
  throw new ScullError('INVALID', `${what}: the network cannot be configured when it is shared with a pod`, { hint: `give ${flag} to \`scull pod create\`; containers of pod ${pod.name} have its network` });
}

/**
 * A pod may be removed while a container of it is being made: who removes it looks for containers once more after it is gone,
 * so one that can be seen while the pod is still there is found.
 * @throws ScullError NO_SUCH_POD when it is not; the container is gone then
 */
export async function confirmPod(engine: Engine, record: ContainerRecord): Promise<void> {
  if (podById(engine, record.pod?.id ?? '') !== undefined) return;
  await removeDirectory(engine, record.id);
  releaseName(engine.store.layout, record.name, record.id);
  throw new ScullError('NO_SUCH_POD', `the pod ${record.spec.pod ?? ''} was removed while a container was being made in it`);
}
