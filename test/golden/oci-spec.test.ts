/**
 * One file per case under oci-spec/: what a user types and what the image says → a fragment of config.json.
 *
 *   flags   option name → value or values, parsed by the very parsers of src/spec
 *   spec    fragment of a ContainerSpec, for what has no flag here
 *   image   the image's `config` object
 *   ids     what --userns=auto gave it
 *   input   fragment of RuntimeSpecInput (facts: network, files, sharedNamespaces …); host facts under `host`
 *   expect  fragment of the result: objects by key, lists as a whole, or {"has": […], "lacks": […]} for lists, {"order": […]} of
 *           mount destinations
 *   throws  {code, message}: a part of the message
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ScullError } from '../../src/host/errors.ts';
import type { ImageConfig, ImageRuntimeConfig } from '../../src/oci/image.ts';
import type { RuntimeSpec } from '../../src/oci/runtime-spec.ts';
import { mergeConfig, resolveSimpleMount, wishedMounts } from '../../src/runtime/merge.ts';
import type { ResolvedMount } from '../../src/runtime/container-record.ts';
import { buildRuntimeSpec } from '../../src/runtime/oci-spec/build.ts';
import type { HostFacts, RuntimeSpecInput } from '../../src/runtime/oci-spec/input.ts';
import { nestedUserNamespace } from '../../src/runtime/oci-spec/namespaces.ts';
import { resolveUser, withGroups } from '../../src/runtime/user.ts';
import { parseCapabilities } from '../../src/spec/capability.ts';
import { parseEntrypoint, parseUmask } from '../../src/spec/command.ts';
import { EMPTY_CONTAINER_SPEC, type ContainerSpec, type MountRequest } from '../../src/spec/container-spec.ts';
import { parseDevices } from '../../src/spec/device.ts';
import { parseEnvironment } from '../../src/spec/environment.ts';
import { parseLabel } from '../../src/spec/label.ts';
import { parseMount, parseTmpfs, parseVolume } from '../../src/spec/mount.ts';
import { parseIpcNamespace, parseNamespace } from '../../src/spec/namespace.ts';
import { parseSecurityOptions } from '../../src/spec/security.ts';
import { parseResources } from '../../src/spec/resources.ts';
import { parseSize } from '../../src/spec/size.ts';
import { parseSysctl } from '../../src/spec/sysctl.ts';
import { parseUlimit } from '../../src/spec/ulimit.ts';
import type { OwnIds } from '../../src/userns/auto-maps.ts';
import { parseIdMaps, parseUserNamespace } from '../../src/spec/user-namespace.ts';

const FOLDER = join(import.meta.dirname, 'oci-spec');
const CWD = '/home/user';

interface Case {
  readonly description: string;
  readonly flags?: Readonly<Record<string, string | boolean | readonly string[]>>;
  readonly spec?: object;
  readonly image?: ImageRuntimeConfig;
  readonly ids?: OwnIds;
  readonly input?: Record<string, unknown> & { readonly host?: Partial<HostFacts> };
  readonly expect?: unknown;
  readonly throws?: { readonly code: string; readonly message: string };
}

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/usr/sbin:/bin/false\nwww:x:33:33::/var/www:/bin/false\n';
const GROUP = 'root:x:0:\ntty:x:5:www\nwww:x:33:\naudio:x:29:www\n';

const HOST: HostFacts = {
  availableUids: 65536,
  availableGids: 65536,
  cgroup: { kind: 'v2-delegated', controllers: ['memory', 'pids', 'cpu'] },
  seccomp: true,
  apparmor: false,
  lastCapability: 40,
  architecture: 'x64',
  limits: { nofile: { soft: 1024, hard: 524288 }, nproc: { soft: 1000, hard: 2000000 }, core: { soft: 0, hard: Infinity } },
  oomScoreAdjustment: 100,
  mqueue: true,
  thermalThrottlePaths: [],
  devices: ['/dev/fuse', '/dev/null', '/dev/pts/0'],
};

const CASES = readdirSync(FOLDER).filter((name) => name.endsWith('.json')).sort();

describe('config.json', () => {
  it('has at least sixty cases', () => {
    expect(CASES.length).toBeGreaterThanOrEqual(60);
  });

  for (const name of CASES) {
    const one = JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Case;
    it(`${name}: ${one.description}`, () => {
      if (one.throws !== undefined) {
        const error = failure(() => build(one));
        expect(error.code).toBe(one.throws.code);
        expect(error.message).toContain(one.throws.message);
        return;
      }
      expectFragment(JSON.parse(JSON.stringify(build(one))), one.expect, 'config.json');
    });
  }
});

function build(one: Case): RuntimeSpec {
  const spec = merged(specOf(one.flags ?? {}), one.spec ?? {}) as ContainerSpec;
  const image: ImageConfig = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] }, config: { Cmd: ['sh'], ...one.image } };
  const host = { ...HOST, ...one.input?.host };
  const context = { id: 'c0ffee'.padEnd(64, '0'), name: 'case', callerEnvironment: { http_proxy: 'http://proxy:3128', SECRET: 'mine' }, callerUid: 1000, callerGid: 1000, hostHostname: 'thehost' };
  const config = { ...mergeConfig(spec, image, context), mounts: [] };
  const userNamespace = nestedUserNamespace(spec.namespaces.user, { ...host, callerUid: 1000, callerGid: 1000, ...(one.ids === undefined ? {} : { own: one.ids }) });
  const groups = spec.groupAdd.filter((group) => group !== 'keep-groups');
  return buildRuntimeSpec({
    spec,
    config,
    rootfs: '/run/scull/rootfs',
    user: withGroups(resolveUser(config.user, PASSWD, GROUP), groups, GROUP),
    mounts: wishedMounts(spec, image).map(resolved),
    files: [],
    network: { kind: 'inherit' },
    ...(userNamespace === undefined ? {} : { userNamespace }),
    devices: spec.devices,
    ...one.input,
    host,
  } as RuntimeSpecInput);
}

/** Volumes as the engine would resolve them. */
function resolved(mount: MountRequest): ResolvedMount {
  const simple = resolveSimpleMount(mount);
  if (simple !== undefined) return simple;
  if (mount.type !== 'volume') throw new Error(`the cases have no ${mount.type} mounts`);
  return { type: 'volume', name: mount.name ?? 'anonymous', source: `/store/volumes/${mount.name ?? 'anonymous'}/_data`, target: mount.target, readOnly: mount.readOnly, propagation: 'rprivate', options: mount.options };
}

type Fragment = (value: string[]) => object;

const FLAGS: Readonly<Record<string, Fragment>> = {
  command: (words) => ({ command: words }),
  entrypoint: ([text]) => ({ entrypoint: parseEntrypoint(text!) }),
  workdir: ([text]) => ({ workdir: text }),
  user: ([text]) => ({ user: text }),
  'group-add': (texts) => ({ groupAdd: texts }),
  umask: ([text]) => ({ umask: parseUmask(text!) }),
  env: (texts) => ({ environment: { set: texts.flatMap((text) => parseEnvironment(text, { SECRET: 'mine' })) } }),
  unsetenv: (texts) => ({ environment: { unset: texts } }),
  'env-merge': (texts) => ({ environment: { merge: texts } }),
  label: (texts) => ({ labels: Object.fromEntries(texts.map((text) => parseLabel(text))) }),
  annotation: (texts) => ({ annotations: Object.fromEntries(texts.map((text) => parseLabel(text, '--annotation'))) }),
  hostname: ([text]) => ({ hostname: text }),
  tty: () => ({ tty: true }),
  init: () => ({ init: true }),
  volume: (texts) => ({ mounts: texts.map((text) => parseVolume(text, CWD)) }),
  mount: (texts) => ({ mounts: texts.map((text) => parseMount(text, CWD)) }),
  tmpfs: (texts) => ({ mounts: texts.map((text) => parseTmpfs(text)) }),
  'read-only': () => ({ readOnly: true }),
  'image-volume': ([text]) => ({ imageVolume: text }),
  device: (texts) => parseDevices(texts),
  'cap-add': (texts) => ({ capAdd: texts.flatMap((text) => parseCapabilities(text)) }),
  'cap-drop': (texts) => ({ capDrop: texts.flatMap((text) => parseCapabilities(text)) }),
  'security-opt': (texts) => ({ security: parseSecurityOptions(texts, CWD) }),
  privileged: () => ({ privileged: true }),
  ulimit: (texts) => ({ ulimits: texts.map((text) => parseUlimit(text)) }),
  sysctl: (texts) => ({ sysctls: Object.fromEntries(texts.map((text) => parseSysctl(text)).map(({ name, value }) => [name, value])) }),
  'shm-size': ([text]) => ({ shmSize: parseSize(text!, '--shm-size') }),
  userns: ([text]) => ({ namespaces: { user: parseUserNamespace(text!) } }),
  uidmap: (texts) => ({ namespaces: { user: { mode: 'explicit', uids: parseIdMaps(texts, '--uidmap', { available: 65536 }), gids: parseIdMaps(texts, '--gidmap', { available: 65536 }) } } }),
  pid: ([text]) => ({ namespaces: { pid: parseNamespace(text!, '--pid') } }),
  ipc: ([text]) => ({ namespaces: { ipc: parseIpcNamespace(text!) } }),
  uts: ([text]) => ({ namespaces: { uts: parseNamespace(text!, '--uts') } }),
  cgroupns: ([text]) => ({ namespaces: { cgroup: parseNamespace(text!, '--cgroupns') } }),
  ...Object.fromEntries(['memory', 'memory-swap', 'memory-reservation', 'cpus', 'cpuset-cpus', 'cpuset-mems', 'cgroups'].map((name) => [name, ([text]: string[]) => ({ resources: parseResources({ [name]: text }) })])),
  ...Object.fromEntries(['memory-swappiness', 'cpu-shares', 'cpu-period', 'cpu-quota', 'pids-limit', 'blkio-weight'].map((name) => [name, ([text]: string[]) => ({ resources: parseResources({ [name]: Number(text) }) })])),
  ...Object.fromEntries(['blkio-weight-device', 'device-read-bps', 'device-write-bps', 'device-read-iops', 'device-write-iops', 'cgroup-conf'].map((name) => [name, (texts: string[]) => ({ resources: parseResources({ [name]: texts }) })])),
  'oom-score-adj': ([text]) => ({ oomScoreAdj: Number(text) }),
};

function specOf(flags: NonNullable<Case['flags']>): object {
  let spec: object = EMPTY_CONTAINER_SPEC;
  for (const [name, value] of Object.entries(flags)) {
    const fragment = FLAGS[name];
    if (fragment === undefined) throw new Error(`no flag --${name} in the table of this test`);
    spec = merged(spec, fragment(Array.isArray(value) ? [...value] : [String(value)]));
  }
  return spec;
}

/** Objects by key; lists of mounts add up, anything else replaces. */
function merged(base: unknown, fragment: unknown): object {
  const result: Record<string, unknown> = { ...(base as object) };
  for (const [key, value] of Object.entries(fragment as object)) {
    const old = result[key];
    if (key === 'mounts' && Array.isArray(old)) result[key] = [...old, ...(value as unknown[])];
    else result[key] = isObject(value) && isObject(old) && !('mode' in value) ? merged(old, value) : value;
  }
  return result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function expectFragment(actual: unknown, expected: unknown, where: string): void {
  if (isObject(expected) && Array.isArray(actual)) {
    for (const item of (expected['has'] ?? []) as unknown[]) {
      expect(actual.some((candidate) => contains(candidate, item)), `${where} has ${JSON.stringify(item)}, seen ${JSON.stringify(actual)}`).toBe(true);
    }
    for (const item of (expected['lacks'] ?? []) as unknown[]) {
      expect(actual.some((candidate) => contains(candidate, item)), `${where} lacks ${JSON.stringify(item)}, seen ${JSON.stringify(actual)}`).toBe(false);
    }
    const order = (expected['order'] ?? []) as string[];
    const positions = order.map((destination) => actual.findIndex((candidate) => contains(candidate, { destination })));
    expect(positions.every((position, index) => position > (positions[index - 1] ?? -1)), `${where} in the order ${order.join(' ')}`).toBe(true);
    return;
  }
  if (isObject(expected)) {
    for (const [key, value] of Object.entries(expected)) {
      const got = (actual as Record<string, unknown> | undefined)?.[key];
      if (value === null) expect(got, `${where}.${key} is absent`).toBeUndefined();
      else expectFragment(got, value, `${where}.${key}`);
    }
    return;
  }
  expect(actual, where).toEqual(expected);
}

function contains(candidate: unknown, item: unknown): boolean {
  if (!isObject(item)) return JSON.stringify(candidate) === JSON.stringify(item);
  return isObject(candidate) && Object.entries(item).every(([key, value]) => JSON.stringify(candidate[key]) === JSON.stringify(value));
}

function failure(action: () => unknown): ScullError {
  try {
    action();
  } catch (error) {
    if (error instanceof ScullError) return error;
    throw error;
  }
  throw new Error('it did not throw');
}
