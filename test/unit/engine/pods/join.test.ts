import { describe, expect, it } from 'vitest';
import { podRecord, type PodRequest } from '../../../../src/engine/pods/create.ts';
import { joinedSpec } from '../../../../src/engine/pods/join.ts';
import { podStatus } from '../../../../src/engine/pods/members.ts';
import { EMPTY_CONTAINER_SPEC, type BindMount, type ContainerSpec } from '../../../../src/spec/container-spec.ts';

const ID = 'a'.repeat(64);
const wish: ContainerSpec = { ...EMPTY_CONTAINER_SPEC, image: 'busybox', pod: 'p' };
const request: PodRequest = { infra: true, share: ['ipc', 'net', 'uts'], exitPolicy: 'continue', spec: EMPTY_CONTAINER_SPEC };
const made = (changes: Partial<PodRequest> = {}) => podRecord({ ...request, ...changes }, { id: ID, name: 'p' });
const bind = (source: string, target: string): BindMount => ({ type: 'bind', source, target, readOnly: false, options: [], recursive: true, chown: false, overlay: false, createSource: false });

describe('podRecord', () => {
  it('makes an infra container that can do nothing and keeps what is shared', () => {
    const { infra, hostname } = made();
    expect(hostname).toBe('p');
    expect(infra).toMatchObject({ name: `${ID.slice(0, 12)}-infra`, spec: { command: ['/pause', '-P'], hostname: 'p', capDrop: ['ALL'], readOnly: true, sdNotify: 'ignore', namespaces: { ipc: { mode: 'shareable' } } } });
  });
  it('gives mounts and restart policy to the members and not to the infra container', () => {
    const pod = made({ spec: { ...EMPTY_CONTAINER_SPEC, mounts: [bind('/a', '/x')], restart: { name: 'always' } } });
    expect(pod.members).toMatchObject({ mounts: [{ target: '/x' }], restart: { name: 'always' } });
    expect(pod.infra?.spec).not.toHaveProperty('restart');
    expect(pod.infra?.spec.mounts).toEqual([]);
  });
  it('puts all that belong to a pod with limits into its slice', () => {
    const pod = made({ spec: { ...EMPTY_CONTAINER_SPEC, resources: { memory: 64 << 20 } } });
    const cgroupParent = `user-scull_pod_${ID.slice(0, 12)}.slice`;
    expect(pod).toMatchObject({ resources: { memory: 64 << 20 }, infra: { spec: { resources: { cgroupParent } } } });
    expect(pod.infra?.spec.resources).not.toHaveProperty('memory');
    expect(joinedSpec({ ...wish, resources: { memory: 32 << 20, cgroupParent: 'out.slice' } }, pod).resources).toEqual({ memory: 32 << 20, cgroupParent });
    expect(joinedSpec({ ...wish, resources: { memory: 32 << 20 } }, made()).resources).toEqual({ memory: 32 << 20 });
  });
  it('shares the user namespace that the others belong to', () => {
    const spec: ContainerSpec = { ...EMPTY_CONTAINER_SPEC, namespaces: { ...EMPTY_CONTAINER_SPEC.namespaces, user: { mode: 'keep-id' } } };
    expect(made({ spec }).share).toEqual(['ipc', 'net', 'user', 'uts']);
  });
});

describe('joinedSpec', () => {
  it('takes the shared namespaces of the infra container, and its own where it said so', () => {
    const pod = made();
    const infra = { mode: 'container', container: pod.infra?.id };
    const joined = joinedSpec({ ...wish, namespaces: { ...wish.namespaces, ipc: { mode: 'host' } } }, pod);
    expect(joined).toMatchObject({ hostname: 'p', network: { mode: infra }, namespaces: { uts: infra, ipc: { mode: 'host' }, pid: { mode: 'private' }, user: { mode: 'host' } } });
  });
  it('without an infra container shares nothing', () => {
    const joined = joinedSpec({ ...wish, hostname: 'own' }, made({ infra: false, share: [] }));
    expect(joined).toMatchObject({ hostname: 'own', network: { mode: { mode: 'default' } }, namespaces: { uts: { mode: 'private' } } });
  });
  it('adds the mounts of the pod where the container has none of its own', () => {
    const pod = made({ spec: { ...EMPTY_CONTAINER_SPEC, mounts: [bind('/a', '/x'), bind('/b', '/y')] } });
    expect(joinedSpec({ ...wish, mounts: [bind('/own', '/x')] }, pod).mounts.map((mount) => [(mount as BindMount).source, mount.target])).toEqual([['/b', '/y'], ['/own', '/x']]);
  });
  it('what goes with its end is not started again', () => {
    const pod = made({ spec: { ...EMPTY_CONTAINER_SPEC, restart: { name: 'always' } } });
    expect(joinedSpec(wish, pod).restart).toEqual({ name: 'always' });
    expect(joinedSpec({ ...wish, autoRemove: true }, pod)).not.toHaveProperty('restart');
  });
  it.each<[string, Partial<ContainerSpec>, string]>([
    ['a port', { network: { ...wish.network, ports: [{ hostIp: '', hostPort: 80, containerPort: 80, protocol: 'tcp', range: 1 }] } }, 'published or exposed ports must be defined when the pod is created'],
    ['a name server', { network: { ...wish.network, dns: ['192.0.2.1'] } }, '--dns must be given when the pod is created'],
    ['a host name', { hostname: 'x' }, 'the host name is shared with the pod p'],
    ['a user namespace', { namespaces: { ...wish.namespaces, user: { mode: 'nomap' } } }, '--userns and --pod cannot be used together'],
  ])('%s is to be asked of the pod', (_what, changes, message) => expect(() => joinedSpec({ ...wish, ...changes }, made())).toThrow(message));
});

it.each([
  [[], 'Created'],
  [['created', 'created'], 'Created'],
  [['running', 'running'], 'Running'],
  [['running', 'exited'], 'Degraded'],
  [['running', 'created'], 'Degraded'],
  [['paused', 'paused'], 'Paused'],
  [['exited', 'exited'], 'Exited'],
  [['exited', 'created'], 'Stopped'],
] as const)('a pod of containers that are %j is %s', (statuses, status) => expect(podStatus(statuses)).toBe(status));
