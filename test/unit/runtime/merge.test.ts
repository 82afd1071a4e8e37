import { describe, expect, it } from 'vitest';
import type { ImageConfig, ImageRuntimeConfig } from '../../../src/oci/image.ts';
import type { MountRequest } from '../../../src/spec/container-spec.ts';
import { mergeConfig, resolveSimpleMount, wishedMounts } from '../../../src/runtime/merge.ts';
import { EMPTY_CONTAINER_SPEC, type ContainerSpec } from '../../../src/spec/container-spec.ts';
import { parseMount, parseVolume } from '../../../src/spec/mount.ts';
import { parsePort } from '../../../src/spec/port.ts';

const context = { id: '0123456789abcdef'.repeat(4), name: 'n', callerEnvironment: {} };
const image = (config: ImageRuntimeConfig): ImageConfig => ({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] }, config: { Cmd: ['sh'], ...config } });
const spec = (part: Partial<ContainerSpec>): ContainerSpec => ({ ...EMPTY_CONTAINER_SPEC, ...part });
const merge = (part: Partial<ContainerSpec>, config: ImageRuntimeConfig = {}) => mergeConfig(spec(part), image(config), context);

describe('mergeConfig', () => {
  it('keeps entry point and command apart, as inspect shows them', () => {
    expect(merge({ command: ['b'] }, { Entrypoint: ['a'] })).toMatchObject({ args: ['a', 'b'], entrypoint: ['a'], command: ['b'] });
  });

  it('takes null in an image for nothing', () => {
    expect(merge({}, { Entrypoint: null, Volumes: null, Labels: null })).toMatchObject({ args: ['sh'], labels: {} });
  });

  it('needs no image with --rootfs', () => {
    expect(mergeConfig(spec({ command: ['sh'] }), undefined, context)).toMatchObject({ args: ['sh'], workdir: '/', user: '', stopSignal: 'SIGTERM', stopTimeout: 10 });
    expect(() => mergeConfig(spec({}), undefined, context)).toThrow('no command given');
  });

  it('lets the user win over the labels, stop signal and user of the image', () => {
    const config = { Labels: { a: 'image', b: 'image' }, StopSignal: '3', User: 'www' };
    expect(merge({ labels: { a: 'user' }, stopSignal: 'hup', user: '5' }, config)).toMatchObject({ labels: { a: 'user', b: 'image' }, stopSignal: 'SIGHUP', user: '5' });
    expect(merge({}, config)).toMatchObject({ stopSignal: 'SIGQUIT', user: 'www' });
  });

  it('refuses a stop signal of an image that is none', () => {
    expect(() => merge({}, { StopSignal: 'SIGNOPE' })).toThrow('the image asks for the stop signal "SIGNOPE", which is none');
  });

  it('names the host by the first twelve digits of the id', () => {
    expect(merge({}).hostname).toBe('0123456789ab');
    expect(merge({ hostname: 'web' }).hostname).toBe('web');
  });

  it('collects exposed ports in order and passes malformed ones of an image over', () => {
    const part = { network: { ...EMPTY_CONTAINER_SPEC.network, expose: ['90/udp'], ports: [parsePort('8000-8001:100-101')] } };
    expect(merge(part, { ExposedPorts: { '443/tcp': {}, '80': {}, nope: {}, '99999': {}, '5-3': {} } }).exposedPorts).toEqual(['80/tcp', '90/udp', '100/tcp', '101/tcp', '443/tcp']);
  });

  it('runs as the user kept by keep-id, not as the image\'s', () => {
    const part = { namespaces: { ...EMPTY_CONTAINER_SPEC.namespaces, user: { mode: 'keep-id' as const, uid: 7 } } };
    expect(mergeConfig(spec(part), image({ User: 'www' }), { ...context, callerUid: 1000, callerGid: 1001 }).user).toBe('7:1001');
  });
});

describe('wishedMounts', () => {
  it('puts the user first, then other containers, then the image, then what --read-only needs', () => {
    const mounts = wishedMounts(spec({ mounts: [parseVolume('/u:/a', '/'), parseVolume('/u:/tmp', '/')], readOnly: true }), image({ Volumes: { '/a': {}, '/b': {}, '/c': {} } }), [parseVolume('v:/b', '/'), parseVolume('v:/a', '/')]);
    expect(mounts.map((mount) => `${mount.type} ${mount.target}`)).toEqual(['bind /a', 'bind /tmp', 'volume /b', 'volume /c', 'tmpfs /run', 'tmpfs /var/tmp']);
  });

  it('makes paths of an image plain', () => {
    expect(wishedMounts(spec({}), image({ Volumes: { 'data//x/../y/': {} } })).map((mount) => mount.target)).toEqual(['/data/y']);
  });
});

describe('resolveSimpleMount', () => {
  it('resolves what needs no look-up', () => {
    expect(resolveSimpleMount(parseMount('type=bind,src=/s,dst=/d,U,ro', '/') as MountRequest)).toEqual({ type: 'bind', source: '/s', target: '/d', readOnly: true, propagation: 'rprivate', options: ['rbind'], chown: true });
    expect(resolveSimpleMount(parseMount('type=tmpfs,dst=/d,tmpfs-mode=0700', '/') as MountRequest)).toEqual({ type: 'tmpfs', source: 'tmpfs', target: '/d', readOnly: false, propagation: 'rprivate', options: ['nosuid', 'nodev', 'mode=0700'], copyUp: true });
    expect(resolveSimpleMount(parseVolume('v:/d', '/'))).toBeUndefined();
  });
});
