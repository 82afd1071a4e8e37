/**
 * The wish and the image's configuration become one: image-spec config.md and its conversion page, with Docker's rules
 * for entrypoint and command and Podman's for the environment. Pure: nothing is looked up on disk or in our environment.
 */
import { posix } from 'node:path';
import { ScullError } from '../host/errors.ts';
import type { ImageConfig, ImageRuntimeConfig } from '../oci/image.ts';
import type { BindMount, ContainerSpec, MountRequest, TmpfsMount } from '../spec/container-spec.ts';
import { parseSignal } from '../spec/signal.ts';
import type { ContainerConfig, ResolvedMount } from './container-record.ts';
import { mergeHealth } from './health-config.ts';
import { SYSTEMD_STOP_SIGNAL, wantsSystemd } from './systemd-mode.ts';

export interface MergeContext {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  /** The caller's environment: read for --env-host and for proxy variables only, never for what an image asks. */
  readonly callerEnvironment: Readonly<Record<string, string>>;
  /** Seconds; 10 unless given. */
  readonly defaultStopTimeout?: number;
  /** Name of the host, for containers that share its UTS or network namespace. */
  readonly hostHostname?: string;
  /** Who calls, for --userns=keep-id, whose user this is unless -u says otherwise. */
  readonly callerUid?: number;
  readonly callerGid?: number;
}

/** A ContainerConfig whose mounts the engine still has to resolve, see {@link wishedMounts}. */
export type MergedConfig = Omit<ContainerConfig, 'mounts'>;

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const DEFAULT_STOP_TIMEOUT = 10;
const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY'] as const;

/**
 * @param image undefined with --rootfs
 * @throws ScullError INVALID for what makes no container: no command, a bad working directory, a bad stop signal
 */
export function mergeConfig(spec: ContainerSpec, image: ImageConfig | undefined, context: MergeContext): MergedConfig {
  const imageConfig = image?.config ?? {};
  const { entrypoint, command } = mergeCommand(spec, imageConfig);
  const systemd = wantsSystemd(spec.systemd, [...entrypoint, ...command]);
  const seccompProfile = spec.security.seccompOfImage === true ? seccompOfImage(imageConfig) : undefined;
  const health = mergeHealth(spec.health, imageConfig.Healthcheck);
  if (spec.sdNotify === 'healthy' && health === undefined) throw new ScullError('INVALID', '--sdnotify healthy waits for a health check, and there is none', { hint: 'give one with --health-cmd' });
  return {
    args: [...entrypoint, ...command],
    entrypoint,
    command,
    env: mergeEnvironment(spec, imageConfig, context.callerEnvironment, systemd ? context.id.slice(0, 32) : undefined),
    workdir: mergeWorkdir(spec, imageConfig),
    user: mergeUser(spec, imageConfig, context),
    hostname: mergeHostname(spec, context),
    labels: { ...imageConfig.Labels, ...spec.labels },
    // An image's annotations never get here: they could steer the runtime (CVE-2024-3154, CVE-2025-24965).
    annotations: spec.annotations,
    stopSignal: mergeStopSignal(spec, imageConfig, systemd ? SYSTEMD_STOP_SIGNAL : 'SIGTERM'),
    stopTimeout: spec.stopTimeout ?? context.defaultStopTimeout ?? DEFAULT_STOP_TIMEOUT,
    exposedPorts: mergeExposedPorts(spec, imageConfig),
    networkMode: spec.network.mode,
    ports: spec.network.ports,
    ...(health === undefined ? {} : { health }),
    ...(systemd ? { systemd } : {}),
    ...(seccompProfile === undefined ? {} : { seccompProfile }),
  };
}

/** Podman's label; one that --label sets does not count. */
const SECCOMP_LABEL = 'io.containers.seccomp.profile';

function seccompOfImage(image: ImageRuntimeConfig): string {
  const profile = image.Labels?.[SECCOMP_LABEL];
  if (profile !== undefined && profile !== '') return profile;
  throw new ScullError('INVALID', `--seccomp-policy=image: the image has no label ${SECCOMP_LABEL}, so it brings no seccomp profile`, { hint: 'leave --seccomp-policy out for the default profile, or name a file with --security-opt seccomp=FILE' });
}

/** Docker's rule: an entrypoint given by the user replaces the image's and drops its command; words given replace the command. */
function mergeCommand(spec: ContainerSpec, image: ImageRuntimeConfig): { entrypoint: readonly string[]; command: readonly string[] } {
  const entrypoint = spec.entrypoint ?? image.Entrypoint ?? [];
  const imageCommand = spec.entrypoint === undefined ? (image.Cmd ?? []) : [];
  const command = spec.command.length > 0 ? spec.command : imageCommand;
  if (entrypoint.length === 0 && command.length === 0) {
    throw new ScullError('INVALID', 'no command given, and the image names none', { hint: 'write the command after the image' });
  }
  return { entrypoint, command };
}

/**
 * Order and precedence, lowest first: our defaults, the image, --env-merge, proxies of the caller or (--env-host) all of the
 * caller's, the user's. --unsetenv takes out of the first three. `container=oci` tells programs inside where they are:
 * systemd-detect-virt knows it as the neutral word and looks for further signs.
 * Image entries without '=' are dropped: their value would have to come from the caller (CVE-2026-57231).
 */
function mergeEnvironment(spec: ContainerSpec, image: ImageRuntimeConfig, caller: Readonly<Record<string, string>>, uuid: string | undefined): string[] {
  const env = new Map<string, string>([
    ['PATH', DEFAULT_PATH],
    ['container', 'oci'],
  ]);
  for (const entry of image.Env ?? []) setEntry(env, entry);
  if (spec.tty && !env.has('TERM')) env.set('TERM', 'xterm');
  const imageValues = new Map(env);
  for (const entry of spec.environment.merge ?? []) setEntry(env, expandVariables(entry, imageValues));
  if (spec.environment.unsetAll) env.clear();
  for (const name of spec.environment.unset) env.delete(name);
  if (spec.environment.host) {
    for (const [name, value] of Object.entries(caller)) env.set(name, value);
  } else if (spec.httpProxy) {
    for (const name of PROXY_VARIABLES) if (caller[name] !== undefined) env.set(name, caller[name]);
  }
  // The zone comes as /etc/localtime, which a TZ of the image would overrule.
  if (spec.timezone !== undefined) env.delete('TZ');
  for (const entry of spec.environment.set) setEntry(env, entry);
  // systemd makes it the machine id, systemd(1).
  if (uuid !== undefined && !env.has('container_uuid')) env.set('container_uuid', uuid);
  return [...env].map(([name, value]) => `${name}=${value}`);
}

function setEntry(env: Map<string, string>, entry: string): void {
  const equals = entry.indexOf('=');
  if (equals > 0) env.set(entry.slice(0, equals), entry.slice(equals + 1));
}

/** `$NAME`, `${NAME}`, `${NAME:-word}` and `${NAME:+word}`, as in a Containerfile. */
function expandVariables(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(/\$(?:\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\}|([A-Za-z_]\w*))/g, (_all, braced?: string, operator?: string, word = '', plain?: string) => {
    const value = values.get(braced ?? plain ?? '') ?? '';
    if (operator === '-') return value === '' ? String(word) : value;
    if (operator === '+') return value === '' ? '' : String(word);
    return value;
  });
}

/** Makes the directory absolute and plain, and refuses /proc, whose links lead out of the container (CVE-2024-21626). */
function mergeWorkdir(spec: ContainerSpec, image: ImageRuntimeConfig): string {
  if (spec.workdir !== undefined && !spec.workdir.startsWith('/')) {
    throw new ScullError('INVALID', `invalid working directory ${JSON.stringify(spec.workdir)}: it must be an absolute path in the container`);
  }
  const workdir = plainPath(spec.workdir ?? image.WorkingDir ?? '/');
  if (/^\/(?:proc|dev\/fd|dev\/std(?:in|out|err))(?:\/|$)/.test(workdir)) {
    const origin = spec.workdir === undefined ? 'the image asks for' : 'invalid';
    throw new ScullError('INVALID', `${origin} working directory ${JSON.stringify(workdir)}: it may not be below /proc or /dev/fd`, {
      hint: 'choose another with --workdir',
    });
  }
  return workdir;
}

/** Absolute, without `.`, `..`, doubled or trailing slashes. */
function plainPath(path: string): string {
  const normal = posix.normalize(`/${path}`);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

/** With keep-id the user is the one kept, unless -u names another: the image's USER would miss the very point of it. */
function mergeUser(spec: ContainerSpec, image: ImageRuntimeConfig, context: MergeContext): string {
  if (spec.user !== undefined) return spec.user;
  const userNamespace = spec.namespaces.user;
  if (userNamespace.mode !== 'keep-id') return image.User ?? '';
  const uid = userNamespace.uid ?? context.callerUid;
  const gid = userNamespace.gid ?? context.callerGid;
  return uid === undefined || gid === undefined ? (image.User ?? '') : `${uid}:${gid}`;
}

function mergeHostname(spec: ContainerSpec, context: MergeContext): string {
  if (spec.hostname !== undefined) return spec.hostname;
  const sharesHost = spec.namespaces.uts.mode === 'host' || spec.network.mode.mode === 'host';
  return (sharesHost ? context.hostHostname : undefined) ?? context.id.slice(0, 12);
}

function mergeStopSignal(spec: ContainerSpec, image: ImageRuntimeConfig, usual: string): string {
  if (spec.stopSignal !== undefined) return parseSignal(spec.stopSignal).name;
  if (image.StopSignal === undefined || image.StopSignal === '') return usual;
  try {
    return parseSignal(image.StopSignal).name;
  } catch (cause) {
    throw new ScullError('INVALID', `the image asks for the stop signal ${JSON.stringify(image.StopSignal.slice(0, 60))}, which is none`, {
      hint: 'give one with --stop-signal',
      cause,
    });
  }
}

/** `80/tcp`, from the image, --expose and -p, in order of number. Malformed entries of an image are passed over. */
function mergeExposedPorts(spec: ContainerSpec, image: ImageRuntimeConfig): string[] {
  const ports = new Set<string>();
  for (const entry of Object.keys(image.ExposedPorts ?? {})) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(entry);
    if (match === null) continue;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    for (let port = first; port >= 1 && port <= last && port <= 65535; port++) ports.add(`${port}/${(match[3] ?? 'tcp').toLowerCase()}`);
  }
  for (const entry of spec.network.expose) ports.add(entry);
  for (const request of spec.network.ports) {
    for (let offset = 0; offset < request.range; offset++) ports.add(`${request.containerPort + offset}/${request.protocol}`);
  }
  return [...ports].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1));
}

/**
 * The mounts wished for, one per destination: the user's in their order, then the image's volumes that the user did not
 * cover (--image-volume), then what --read-only keeps writable. --volumes-from is the engine's to add (it goes between
 * the user's and the image's: hand it in as `fromOthers`).
 * @throws ScullError INVALID `duplicate mount destination` for two different mounts on one path
 */
export function wishedMounts(spec: ContainerSpec, image: ImageConfig | undefined, fromOthers: readonly MountRequest[] = []): MountRequest[] {
  const mounts = new Map<string, MountRequest>();
  for (const mount of spec.mounts) {
    const present = mounts.get(mount.target);
    if (present !== undefined && JSON.stringify(present) !== JSON.stringify(mount)) {
      throw new ScullError('INVALID', `duplicate mount destination ${JSON.stringify(mount.target)}: ${describe(present)} and ${describe(mount)}`, {
        hint: 'remove one of the two',
      });
    }
    mounts.set(mount.target, mount);
  }
  for (const mount of fromOthers) if (!mounts.has(mount.target)) mounts.set(mount.target, mount);
  for (const path of Object.keys(image?.config?.Volumes ?? {})) {
    const target = plainPath(path);
    if (target === '/') throw new ScullError('INVALID', `the image declares ${JSON.stringify(path)} as a volume, which would cover everything`, { hint: 'use --image-volume=ignore' });
    if (mounts.has(target) || spec.imageVolume === 'ignore') continue;
    mounts.set(
      target,
      spec.imageVolume === 'tmpfs'
        ? tmpfsMount(target, true)
        : { type: 'volume', target, readOnly: false, options: [], copy: true, chown: false },
    );
  }
  if (spec.readOnly && spec.readOnlyTmpfs) {
    for (const target of ['/run', '/tmp', '/var/tmp']) if (!mounts.has(target)) mounts.set(target, tmpfsMount(target, true));
  }
  return [...mounts.values()];
}

function describe(mount: MountRequest): string {
  switch (mount.type) {
    case 'bind':
      return `the host's ${JSON.stringify(mount.source)}`;
    case 'volume':
      return mount.name === undefined ? 'an anonymous volume' : `volume ${JSON.stringify(mount.name)}`;
    case 'image':
      return `image ${JSON.stringify(mount.image)}`;
    case 'artifact':
      return `artifact ${JSON.stringify(mount.artifact)}`;
    case 'tmpfs':
      return mount.ramfs === true ? 'a ramfs' : 'a tmpfs';
    default:
      return `a ${mount.type}`;
  }
}

function tmpfsMount(target: string, copyUp: boolean): TmpfsMount {
  return { type: 'tmpfs', target, readOnly: false, options: [], copyUp };
}

/** What a tmpfs, devpts or bind wish resolves to without any look-up; volumes and images need the engine. */
export function resolveSimpleMount(mount: MountRequest): ResolvedMount | undefined {
  switch (mount.type) {
    case 'tmpfs':
      return {
        type: mount.ramfs === true ? 'ramfs' : 'tmpfs',
        source: mount.ramfs === true ? 'ramfs' : 'tmpfs',
        target: mount.target,
        readOnly: mount.readOnly,
        propagation: 'rprivate',
        options: tmpfsOptions(mount),
        copyUp: mount.copyUp,
        ...(mount.chown === true ? { chown: true } : {}),
      };
    case 'devpts':
      return { type: 'devpts', source: 'devpts', target: mount.target, readOnly: mount.readOnly, propagation: '', options: mount.options };
    case 'bind':
      return resolveBind(mount);
    default:
      return undefined;
  }
}

function resolveBind(mount: BindMount): ResolvedMount {
  return {
    type: 'bind',
    source: mount.source,
    target: mount.target,
    readOnly: mount.readOnly,
    propagation: mount.propagation ?? 'rprivate',
    options: [mount.recursive ? 'rbind' : 'bind', ...mount.options],
    ...(mount.subpath === undefined ? {} : { subpath: mount.subpath }),
    ...(mount.chown ? { chown: true } : {}),
    ...(mount.overlay ? { overlay: true } : {}),
  };
}

/** nosuid and nodev unless the user said otherwise, as Podman. */
function tmpfsOptions(mount: TmpfsMount): string[] {
  const options = [...mount.options];
  if (!options.includes('suid') && !options.includes('nosuid')) options.push('nosuid');
  if (!options.includes('dev') && !options.includes('nodev')) options.push('nodev');
  if (mount.size !== undefined) options.push(`size=${mount.size}`);
  if (mount.mode !== undefined) options.push(`mode=${mount.mode.toString(8).padStart(4, '0')}`);
  if (mount.uid !== undefined) options.push(`uid=${mount.uid}`);
  if (mount.gid !== undefined) options.push(`gid=${mount.gid}`);
  return options;
}
