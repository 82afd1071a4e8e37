/** From the flags of `run` and `create` to the wish: each value goes through its parser in src/spec, nothing is looked up. */
import { resolve } from 'node:path';
import { callerEnvironment, environmentVariable } from '../host/environment.ts';
import { ScullError } from '../host/errors.ts';
import { readTextIfPresent } from '../host/files.ts';
import { parsePlatform, type Platform } from '../oci/platform.ts';
import { parseCapabilities } from '../spec/capability.ts';
import { parseEntrypoint, parseUmask } from '../spec/command.ts';
import { EMPTY_CONTAINER_SPEC, PERSONALITIES, type ContainerSpec, type EnvironmentSpec, type MountRequest, type NetworkSpec, type Personality, type PullPolicy, type SdNotify } from '../spec/container-spec.ts';
import { withoutUndefined } from '../spec/defined.ts';
import { parseDevices } from '../spec/device.ts';
import { parseEnvironment, parseEnvironmentFile, parseEnvironmentMerge } from '../spec/environment.ts';
import { parseHostname } from '../spec/hostname.ts';
import { parseLabel, parseLabelFile } from '../spec/label.ts';
import { parseLog } from '../spec/log.ts';
import { bindsOfGlob, type GlobMount, parseMount, parseTmpfs, parseVolume } from '../spec/mount.ts';
import { parseName } from '../spec/name.ts';
import { parseIpcNamespace, parseNamespace } from '../spec/namespace.ts';
import { parseAddHost, parseDns, parseDnsOption, parseDnsSearch, parseHostsFile, parseNetworks } from '../spec/network.ts';
import { parseExpose, parsePort } from '../spec/port.ts';
import { parseRootfs } from '../spec/rootfs.ts';
import { parseSecurityOptions } from '../spec/security.ts';
import { parseHealth } from '../spec/health.ts';
import { parseResources } from '../spec/resources.ts';
import { parseRestart } from '../spec/restart.ts';
import { parseSecret } from '../spec/secret.ts';
import { parseSignal } from '../spec/signal.ts';
import { parseSize } from '../spec/size.ts';
import { parseSysctl } from '../spec/sysctl.ts';
import { parseUlimit } from '../spec/ulimit.ts';
import { defaultIdMaps, mappedCount, subordinateRanges, toInside } from '../userns/id-maps.ts';
import type { Interfaces } from '@oclif/core';
import type { containerFlags, healthFlags } from './flags/container.ts';
import type { FlagToken } from './parse.ts';
import { readUserFile } from './user-file.ts';

export type ContainerFlags = Partial<Interfaces.InferredFlags<typeof containerFlags>>;

/**
 * @param words the image and the words after it, unchanged
 * @param tokens the flags in the order they were typed: mounts of different flags keep it
 * @throws ScullError INVALID, USAGE or UNSUPPORTED naming the option and what is wrong with its value; NOT_FOUND for a
 * file that cannot be read
 */
export async function containerSpec(flags: ContainerFlags, words: readonly string[], tokens: readonly FlagToken[]): Promise<ContainerSpec> {
  const cwd = process.cwd();
  const [source = '', ...command] = words;
  if (source === '') throw new ScullError('USAGE', 'the image is an empty word');
  const caller = callerEnvironment();
  return withoutUndefined({
    ...EMPTY_CONTAINER_SPEC,
    ...(flags.rootfs === true ? parseRootfs(source, cwd) : { image: source }),
    command,
    name: flags.name === undefined ? undefined : parseName(flags.name, 'container'),
    entrypoint: flags.entrypoint === undefined ? undefined : parseEntrypoint(flags.entrypoint),
    workdir: flags.workdir === undefined ? undefined : absolutePath(flags.workdir, '--workdir'),
    user: flags.user,
    groupAdd: flags['group-add'] ?? [],
    passwd: flags.passwd === false ? false : undefined,
    passwdEntry: flags['passwd-entry'] || undefined,
    groupEntry: flags['group-entry'] || undefined,
    hostUsers: flags.hostuser,
    personality: personality(flags.personality),
    umask: flags.umask === undefined ? undefined : parseUmask(flags.umask),
    environment: {
      set: environmentOf(flags, caller),
      ...(flags['env-merge'] === undefined ? {} : { merge: flags['env-merge'].map(parseEnvironmentMerge) }),
      host: flags['env-host'] ?? false,
      unset: flags.unsetenv ?? [],
      unsetAll: flags['unsetenv-all'] ?? false,
    } satisfies EnvironmentSpec,
    labels: { ...unitLabel(), ...labels(flags['label-file'], flags.label, '--label') },
    annotations: labels(undefined, flags.annotation, '--annotation'),
    hostname: flags.hostname === undefined ? undefined : parseHostname(flags.hostname),
    tty: flags.tty ?? false,
    interactive: flags.interactive ?? false,
    init: flags.init ?? false,
    initPath: flags['init-path'],
    systemd: systemdMode(flags.systemd),
    mounts: await mounts(tokens, cwd),
    volumesFrom: flags['volumes-from'] ?? [],
    readOnly: flags['read-only'] ?? false,
    readOnlyTmpfs: flags['read-only-tmpfs'] ?? true,
    imageVolume: imageVolume(flags['image-volume']),
    ...parseDevices(flags.device ?? [], flags.gpus),
    capAdd: (flags['cap-add'] ?? []).flatMap(parseCapabilities),
    capDrop: (flags['cap-drop'] ?? []).flatMap(parseCapabilities),
    security: { ...parseSecurityOptions(flags['security-opt'] ?? [], cwd), ...(flags['seccomp-policy'] === 'image' ? { seccompOfImage: true } : {}) },
    privileged: flags.privileged ?? false,
    ulimits: (flags.ulimit ?? []).map(parseUlimit),
    sysctls: Object.fromEntries((flags.sysctl ?? []).map(parseSysctl).map(({ name, value }) => [name, value])),
    shmSize: size(flags['shm-size'], '--shm-size'),
    systemdShmSize: size(flags['shm-size-systemd'], '--shm-size-systemd') || undefined,
    namespaces: {
      user: await userNamespace(flags),
      pid: parseNamespace(flags.pid ?? 'private', '--pid'),
      ipc: parseIpcNamespace(flags.ipc ?? 'private'),
      uts: parseNamespace(flags.uts ?? 'private', '--uts'),
      cgroup: parseNamespace(flags.cgroupns ?? 'private', '--cgroupns'),
    },
    network: network(flags),
    stopSignal: flags['stop-signal'] === undefined ? undefined : parseSignal(flags['stop-signal']).name,
    stopTimeout: flags['stop-timeout'],
    timeout: flags.timeout === 0 ? undefined : flags.timeout,
    log: parseLog(flags['log-driver'], flags['log-opt'] ?? [], cwd),
    resources: parseResources(flags),
    oomScoreAdj: flags['oom-score-adj'],
    platform: platform(flags),
    pull: parsePullPolicy(flags.pull),
    autoRemove: flags.rm ?? false,
    timezone: flags.tz,
    httpProxy: flags['http-proxy'] ?? true,
    health: health(flags),
    restart: restart(flags),
    secrets: flags.secret?.map(parseSecret),
    sdNotify: sdNotify(flags.sdnotify),
    pod: podOf(flags),
    monitorPidFile: flags['conmon-pidfile'] === undefined ? undefined : resolve(cwd, flags['conmon-pidfile']),
    requires: flags.requires?.flatMap((text) => text.split(',')).filter((name) => name !== ''),
    cidFile: flags.cidfile === undefined ? undefined : resolve(cwd, flags.cidfile),
    pidFile: flags.pidfile === undefined ? undefined : resolve(cwd, flags.pidfile),
  });
}

/** `K=V` of --env-file and, after them, --env, with the caller's values where only a name is given. */
export function environmentOf(
  flags: { readonly env?: readonly string[] | undefined; readonly 'env-file'?: readonly string[] | undefined },
  caller: Readonly<Record<string, string>> = callerEnvironment(),
): string[] {
  const fromFiles = (flags['env-file'] ?? []).flatMap((path) => parseEnvironmentFile(readUserFile(path, '--env-file'), path, caller));
  return [...fromFiles, ...(flags.env ?? []).flatMap((text) => parseEnvironment(text, caller))];
}

function labels(files: readonly string[] | undefined, texts: readonly string[] | undefined, option: string): Record<string, string> {
  const fromFiles = (files ?? []).flatMap((path) => parseLabelFile(readUserFile(path, '--label-file'), path));
  return Object.fromEntries([...fromFiles, ...(texts ?? []).map((text) => parseLabel(text, option))]);
}

/** @throws ScullError USAGE, INVALID */
export function health(flags: Partial<Interfaces.InferredFlags<typeof healthFlags>> & { readonly 'no-healthcheck'?: boolean }): ContainerSpec['health'] {
  return parseHealth({
    none: flags['no-healthcheck'],
    cmd: flags['health-cmd'],
    interval: flags['health-interval'],
    timeout: flags['health-timeout'],
    retries: flags['health-retries'],
    startPeriod: flags['health-start-period'],
    onFailure: flags['health-on-failure'],
    logDestination: flags['health-log-destination'],
    maxLogCount: flags['health-max-log-count'],
    maxLogSize: flags['health-max-log-size'],
    startupCmd: flags['health-startup-cmd'],
    startupInterval: flags['health-startup-interval'],
    startupTimeout: flags['health-startup-timeout'],
    startupRetries: flags['health-startup-retries'],
    startupSuccess: flags['health-startup-success'],
  });
}

function podOf(flags: ContainerFlags): string | undefined {
  const file = flags['pod-id-file'];
  const pod = file === undefined ? flags.pod : (readUserFile(file, '--pod-id-file').split('\n', 1)[0] ?? '').trim();
  if (pod === undefined || (pod !== '' && pod !== 'new:')) return pod;
  throw new ScullError('INVALID', file === undefined ? `invalid --pod ${JSON.stringify(pod)}: the name of the pod is missing` : `the --pod-id-file ${JSON.stringify(file)} is empty`);
}

function restart(flags: ContainerFlags): ContainerSpec['restart'] {
  if (flags.restart === undefined) return undefined;
  const policy = parseRestart(flags.restart);
  if (policy.name === 'no') return undefined;
  if (flags.rm === true) throw new ScullError('USAGE', '--restart and --rm cannot be used together');
  return policy;
}

function absolutePath(path: string, option: string): string {
  if (path.startsWith('/')) return path;
  throw new ScullError('INVALID', `invalid ${option} ${JSON.stringify(path)}: it must be an absolute path of the container`);
}

async function mounts(tokens: readonly FlagToken[], cwd: string): Promise<MountRequest[]> {
  const requests: MountRequest[] = [];
  for (const { name, value } of tokens) {
    if (name === 'volume') requests.push(parseVolume(String(value), cwd));
    else if (name === 'mount') requests.push(...(await expanded(parseMount(String(value), cwd))));
    else if (name === 'tmpfs') requests.push(parseTmpfs(String(value)));
  }
  return requests;
}

/** A pattern is looked at once: what fits it later is not mounted. */
async function expanded(mount: MountRequest | GlobMount): Promise<readonly MountRequest[]> {
  if (mount.type !== 'glob') return [mount];
  const { pathsOf } = await import('../host/glob.ts');
  return bindsOfGlob(mount, pathsOf(mount.pattern));
}

/** Units made by Quadlet say which they are; auto-update restarts that one. */
const UNIT_LABEL = 'PODMAN_SYSTEMD_UNIT';

export function unitLabel(): Record<string, string> {
  const unit = environmentVariable(UNIT_LABEL);
  return unit === undefined ? {} : { [UNIT_LABEL]: unit };
}

function sdNotify(text: string | undefined): SdNotify | undefined {
  if (text === undefined || text === 'container' || text === 'conmon' || text === 'healthy' || text === 'ignore') return text;
  throw new ScullError('INVALID', `invalid --sdnotify ${JSON.stringify(text)}: it is one of container, conmon, healthy, ignore`);
}

function systemdMode(text: string | undefined): ContainerSpec['systemd'] {
  switch (text?.toLowerCase()) {
    case undefined:
    case 'true':
      return undefined;
    case 'false':
      return 'never';
    case 'always':
      return 'always';
    default:
      throw new ScullError('INVALID', `invalid --systemd ${JSON.stringify(text)}: it is one of true, false, always`);
  }
}

function personality(text: string | undefined): Personality | undefined {
  const known = PERSONALITIES.find((domain) => domain === text?.toUpperCase());
  if (text === undefined || known !== undefined) return known;
  throw new ScullError('INVALID', `invalid --personality ${JSON.stringify(text)}: it is one of ${PERSONALITIES.join(', ')}`);
}

function imageVolume(text: string | undefined): ContainerSpec['imageVolume'] {
  switch (text) {
    case undefined:
    case 'anonymous':
    case 'bind': // Podman's older word for it
      return 'anonymous';
    case 'tmpfs':
    case 'ignore':
      return text;
    default:
      throw new ScullError('INVALID', `invalid --image-volume ${JSON.stringify(text)}: it is one of anonymous, tmpfs, ignore`);
  }
}

async function userNamespace(flags: ContainerFlags): Promise<ContainerSpec['namespaces']['user']> {
  const { parseIdMaps, parseUserNamespace } = await import('../spec/user-namespace.ts');
  const { userns } = flags;
  const uidmap = idMapWords(flags, 'uid');
  const gidmap = idMapWords(flags, 'gid');
  const count = (kind: 'uid' | 'gid') => {
    const ranges = defaultIdMaps()[`${kind}s`];
    return { available: mappedCount(ranges), fromHost: (id: number) => toInside(ranges, id) };
  };
  if (uidmap === undefined && gidmap === undefined) return parseUserNamespace(userns ?? 'host', count);
  if (userns !== undefined) throw new ScullError('USAGE', '--userns and --uidmap, --gidmap, --subuidname or --subgidname cannot be used together');
  // One alone stands for both, as in Podman.
  return { mode: 'explicit', uids: parseIdMaps(uidmap ?? gidmap ?? [], '--uidmap', count('uid')), gids: parseIdMaps(gidmap ?? uidmap ?? [], '--gidmap', count('gid')) };
}

/** Of --uidmap, or of the ranges that --subuidname stands for; of --gidmap and --subgidname likewise. */
function idMapWords(flags: ContainerFlags, kind: 'uid' | 'gid'): readonly string[] | undefined {
  const [words, name] = [flags[`${kind}map`], flags[`sub${kind}name`]];
  if (name === undefined) return words;
  if (words !== undefined) throw new ScullError('USAGE', `--sub${kind}name and --${kind}map cannot be used together`);
  const ranges = subordinateRanges(readTextIfPresent(`/etc/sub${kind}`) ?? '', name);
  if (ranges.length === 0) throw new ScullError('NOT_FOUND', `--sub${kind}name ${JSON.stringify(name)}: /etc/sub${kind} gives no ids to that name`);
  let next = 0;
  return ranges.map(({ start, size }) => `${(next += size) - size}:@${start}:${size}`);
}

function network(flags: ContainerFlags): NetworkSpec {
  const dns = (flags.dns ?? []).map(parseDns);
  if (dns.includes('none') && dns.length > 1) throw new ScullError('USAGE', '--dns none cannot be used together with other name servers');
  const hasHosts = flags['no-hosts'] !== true;
  const hostsFile = flags['hosts-file'] === undefined ? undefined : parseHostsFile(flags['hosts-file']);
  if (!hasHosts && hostsFile !== undefined) throw new ScullError('USAGE', '--no-hosts and --hosts-file cannot be used together');
  if (!hasHosts && flags['add-host'] !== undefined) throw new ScullError('USAGE', '--no-hosts and --add-host cannot be used together');
  return {
    mode: parseNetworks(flags.network ?? [], { ipv4: flags.ip, ipv6: flags.ip6, mac: flags['mac-address'], aliases: flags['network-alias'] ?? [] }),
    ports: (flags.publish ?? []).map(parsePort),
    publishAll: flags['publish-all'] ?? false,
    expose: (flags.expose ?? []).flatMap(parseExpose),
    dns,
    dnsSearch: (flags['dns-search'] ?? []).map(parseDnsSearch),
    dnsOptions: (flags['dns-option'] ?? []).map(parseDnsOption),
    addHosts: (flags['add-host'] ?? []).flatMap(parseAddHost),
    noHosts: !hasHosts,
    ...(hostsFile === undefined ? {} : { hostsFile }),
    noHostname: flags['no-hostname'] ?? false,
    ...(flags['publish-low'] === 'auto' ? { raiseLowPorts: true } : {}),
  };
}

function size(text: string | undefined, option: string): number | undefined {
  return text === undefined ? undefined : parseSize(text, option);
}

function platform(flags: ContainerFlags): Platform | undefined {
  if (flags.platform !== undefined) return parsePlatform(flags.platform);
  const { os, arch, variant } = flags;
  if (variant !== undefined && arch === undefined) throw new ScullError('USAGE', '--variant needs --arch');
  if (arch === undefined && os === undefined) return undefined;
  if (arch === undefined) {
    if (os !== 'linux') throw new ScullError('UNSUPPORTED', `--os ${JSON.stringify(os)}: only linux can run here`);
    return undefined;
  }
  return parsePlatform([os ?? 'linux', arch, ...(variant === undefined ? [] : [variant])].join('/'));
}

/** Podman's words, and Docker's. @throws ScullError INVALID */
export function parsePullPolicy(text: string | undefined): PullPolicy {
  switch (text) {
    case undefined:
    case 'missing':
    case 'ifmissing':
    case 'notpresent':
    case 'false':
      return 'missing';
    case 'always':
    case 'true':
      return 'always';
    case 'never':
      return 'never';
    case 'newer':
    case 'ifnewer':
      return 'newer';
    default:
      throw new ScullError('INVALID', `invalid --pull ${JSON.stringify(text)}: it is one of missing, always, newer, never`);
  }
}
