/** From the flags of `build` to what is asked of the engine: each value goes through its parser, nothing is looked up. */
import { resolve } from 'node:path';
import type { Interfaces } from '@oclif/core';
import type { BuildOptions, BuildOutput, CachePlace, SecretSource } from '../engine/builds/options.ts';
import { callerEnvironment, environmentVariable } from '../host/environment.ts';
import { ScullError } from '../host/errors.ts';
import { formatPlatform, hostPlatform, parsePlatform, type Platform } from '../oci/platform.ts';
import { parseReference } from '../oci/reference.ts';
import { parseEnvironment } from '../spec/environment.ts';
import { parseLabel } from '../spec/label.ts';
import { containerSpec, parsePullPolicy } from './container-spec-flags.ts';
import type { buildFlags } from './flags/build.ts';
import type { FlagToken } from './parse.ts';
import { parseDuration } from './time.ts';
import { readUserFile } from './user-file.ts';

export type BuildFlags = Partial<Interfaces.InferredFlags<typeof buildFlags>>;

type FromFlags = Omit<BuildOptions, 'context' | 'input' | 'registry' | 'abort' | 'onEvent'>;

/** @throws ScullError USAGE, INVALID, NOT_FOUND naming the option */
export async function buildOptions(flags: BuildFlags, tokens: readonly FlagToken[]): Promise<FromFlags> {
  const caller = callerEnvironment();
  const spec = await containerSpec(
    {
      network: flags.network,
      'add-host': flags['add-host'],
      dns: flags.dns,
      'dns-option': flags['dns-option'],
      'dns-search': flags['dns-search'],
      'no-hosts': flags['no-hosts'],
      'no-hostname': flags['no-hostname'],
      'cap-add': flags['cap-add'],
      'cap-drop': flags['cap-drop'],
      'security-opt': flags['security-opt'],
      device: flags.device,
      ulimit: flags.ulimit,
      'shm-size': flags['shm-size'],
      memory: flags.memory,
      'memory-swap': flags['memory-swap'],
      'cpu-period': flags['cpu-period'],
      'cpu-quota': flags['cpu-quota'],
      'cpu-shares': flags['cpu-shares'],
      'cpuset-cpus': flags['cpuset-cpus'],
      'cpuset-mems': flags['cpuset-mems'],
      'cgroup-parent': flags['cgroup-parent'],
    },
    ['build'],
    tokens.filter((token) => token.name === 'volume'),
  );
  const args = buildArgs(flags, caller);
  const outputs = (flags.output ?? []).map(output);
  if (flags.squash === true && flags['squash-all'] === true) throw new ScullError('USAGE', '--squash and --squash-all cannot be used together');
  return {
    file: flags.file,
    ignoreFile: flags.ignorefile,
    tags: [...(flags.tag ?? []), ...outputs.flatMap(({ name }) => name ?? [])],
    target: flags.target,
    from: flags.from,
    args,
    platforms: platforms(flags),
    manifest: flags.manifest,
    labels: Object.fromEntries((flags.label ?? []).map((text) => parseLabel(text, '--label'))),
    annotations: Object.fromEntries((flags.annotation ?? []).map((text) => parseLabel(text, '--annotation'))),
    env: (flags.env ?? []).flatMap((text) => parseEnvironment(text, caller)),
    unsetEnv: flags.unsetenv ?? [],
    unsetLabels: flags.unsetlabel ?? [],
    inheritLabels: flags['inherit-labels'] ?? true,
    omitHistory: flags['omit-history'] ?? false,
    pull: parsePullPolicy(flags.pull === 'true' ? 'always' : flags.pull),
    noCache: flags['no-cache'] ?? false,
    noCacheFilter: (flags['no-cache-filter'] ?? []).flatMap((names) => names.split(',')),
    cacheTtl: flags['cache-ttl'] === undefined ? undefined : span(flags['cache-ttl']),
    cacheFrom: (flags['cache-from'] ?? []).map((text) => cachePlace(text, '--cache-from', 'src')),
    cacheTo: (flags['cache-to'] ?? []).map((text) => cachePlace(text, '--cache-to', 'dest')),
    jobs: flags.jobs,
    layers: flags.layers ?? true,
    squash: flags['squash-all'] === true ? 'all' : flags.squash === true ? 'new' : 'no',
    format: imageFormat(flags.format),
    timestamp: seconds(flags.timestamp ?? args.get('SOURCE_DATE_EPOCH') ?? environmentVariable('SOURCE_DATE_EPOCH')),
    namedContexts: new Map((flags['build-context'] ?? []).map((text) => pair(text, '--build-context'))),
    outputs: [...outputs.map(({ target }) => target), ...(flags.push === true ? [{ kind: 'image' } as const] : [])],
    push: flags.push === true || outputs.some(({ push }) => push),
    secrets: new Map((flags.secret ?? []).map(secret)),
    ssh: new Map((flags.ssh ?? []).map(agent)),
    allowInsecure: allowed(flags.allow ?? []),
    run: {
      network: spec.network,
      ulimits: spec.ulimits,
      resources: spec.resources,
      security: spec.security,
      capAdd: spec.capAdd,
      capDrop: spec.capDrop,
      mounts: spec.mounts,
      devices: spec.devices,
      ...(spec.cdiDevices === undefined ? {} : { cdiDevices: spec.cdiDevices }),
      ...(spec.shmSize === undefined ? {} : { shmSize: spec.shmSize }),
    },
  };
}

/** Those of files first; then the caller's proxies, unless others were given. */
function buildArgs(flags: BuildFlags, caller: Readonly<Record<string, string>>): Map<string, string> {
  const args = new Map<string, string>();
  if (flags['http-proxy'] !== false) {
    for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy']) {
      const value = caller[name];
      if (value !== undefined && value !== '') args.set(name, value);
    }
  }
  const add = (entry: string, problem: string): void => {
    const equals = entry.indexOf('=');
    const name = equals < 0 ? entry : entry.slice(0, equals);
    if (name === '') throw new ScullError('INVALID', `${problem}: the name is empty, expected name=value`);
    const value = equals < 0 ? caller[name] : entry.slice(equals + 1);
    if (value !== undefined) args.set(name, value);
  };
  for (const path of flags['build-arg-file'] ?? []) {
    for (const [index, line] of readUserFile(path, '--build-arg-file').split('\n').entries()) {
      const text = line.trim();
      if (text !== '' && !text.startsWith('#')) add(text, `invalid line ${index + 1} of ${path}`);
    }
  }
  for (const entry of flags['build-arg'] ?? []) add(entry, `invalid --build-arg ${JSON.stringify(entry)}`);
  return args;
}

/** --platform has several after commas, or comes several times; what --os, --arch and --variant leave out is this machine's. */
function platforms({ platform, os, arch, variant }: BuildFlags): readonly Platform[] {
  if (os !== undefined || arch !== undefined || variant !== undefined) {
    if (variant !== undefined && arch === undefined) throw new ScullError('USAGE', '--variant needs --arch');
    const own = hostPlatform();
    return [parsePlatform([os ?? own.os, arch ?? own.architecture, ...(variant === undefined ? [] : [variant])].join('/'))];
  }
  const texts = platform ?? [];
  const found = texts.flatMap((text) => text.split(',')).filter((text) => text !== '').map((text) => (text === 'local' ? hostPlatform() : parsePlatform(text)));
  return [...new Map(found.map((platform) => [formatPlatform(platform), platform])).values()];
}

function imageFormat(text: string | undefined): 'oci' | 'docker' {
  if (text === undefined || text === 'oci') return 'oci';
  if (text === 'docker') return 'docker';
  throw new ScullError('INVALID', `invalid --format ${JSON.stringify(text)}: it is oci or docker`);
}

function seconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw new ScullError('INVALID', `invalid time ${JSON.stringify(text)} for --timestamp or SOURCE_DATE_EPOCH: it is a number of seconds since 1970`);
}

function span(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined || milliseconds < 0) throw new ScullError('INVALID', `invalid --cache-ttl ${JSON.stringify(text)}: it is a span such as 24h`);
  return milliseconds;
}

function pair(text: string, option: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals <= 0) throw new ScullError('INVALID', `invalid ${option} ${JSON.stringify(text)}: it is NAME=VALUE`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

/** `id=a,src=b`, `a` alone. @throws ScullError INVALID for a key that does not exist */
function keyed(text: string, option: string, keys: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const part of text.split(',')) {
    const [key, value] = pair(part, option);
    if (!keys.includes(key)) throw new ScullError('INVALID', `invalid ${option} ${JSON.stringify(text)}: there is no ${JSON.stringify(key)}, only ${keys.join(', ')}`);
    values.set(key, value);
  }
  return values;
}

interface WantedOutput {
  readonly target: BuildOutput;
  /** `type=image,name=app` is a name as -t gives it. */
  readonly name?: string;
  readonly push: boolean;
}

/** docker-buildx-build(1), "--output"; a word alone is a directory, - a tar on standard output. */
function output(text: string): WantedOutput {
  if (!text.includes('=')) return { target: text === '-' ? { kind: 'tar', path: '-' } : { kind: 'local', directory: resolve(text) }, push: false };
  const values = keyed(text, '--output', ['type', 'dest', 'name', 'push']);
  const name = values.get('name') ?? '';
  const target = outputTarget(text, values);
  const push = values.get('type') === 'registry' || values.get('push') === 'true';
  if (push && target.kind !== 'image') throw new ScullError('INVALID', `invalid --output ${JSON.stringify(text)}: only type=image and type=registry are pushed`);
  return { target, ...(name === '' ? {} : { name }), push };
}

function outputTarget(text: string, values: ReadonlyMap<string, string>): BuildOutput {
  const type = values.get('type') ?? 'local';
  const place = values.get('dest');
  const needed = (): string => {
    if (place === undefined || place === '') throw new ScullError('INVALID', `invalid --output ${JSON.stringify(text)}: it has no dest`);
    return place === '-' ? '-' : resolve(place);
  };
  switch (type) {
    case 'local':
      if (place === '-') throw new ScullError('INVALID', `invalid --output ${JSON.stringify(text)}: a directory can't be written to standard output`, { hint: 'use type=tar' });
      return { kind: 'local', directory: needed() };
    case 'tar':
      return { kind: 'tar', path: place === undefined ? '-' : needed() };
    case 'docker':
      return place === undefined ? { kind: 'image' } : { kind: 'archive', format: 'docker-archive', path: needed() };
    case 'oci':
      return { kind: 'archive', format: 'oci-archive', path: place === undefined ? '-' : needed() };
    case 'image':
    case 'registry':
      return { kind: 'image' };
    default:
      throw new ScullError('UNSUPPORTED', `--output of type ${JSON.stringify(type)} is not supported`, { hint: 'there are local, tar, docker, oci, image and registry' });
  }
}

function secret(text: string): [string, SecretSource] {
  const values = keyed(text, '--secret', ['id', 'src', 'source', 'env', 'type']);
  const id = values.get('id');
  if (id === undefined || id === '') throw new ScullError('INVALID', `invalid --secret ${JSON.stringify(text)}: it has no id`, { hint: 'for example --secret id=token,src=token.txt' });
  const path = values.get('src') ?? values.get('source');
  const variable = values.get('env') ?? (values.get('type') === 'env' ? (path ?? id) : undefined);
  if (variable !== undefined) return [id, { kind: 'env', variable }];
  // Docker: without a source, the variable of that name, and failing that the file.
  if (path === undefined) return [id, environmentVariable(id) === undefined ? { kind: 'file', path: resolve(id) } : { kind: 'env', variable: id }];
  return [id, { kind: 'file', path: resolve(path) }];
}

function agent(text: string): [string, readonly string[]] {
  const [id, paths] = text.includes('=') ? pair(text, '--ssh') : [text, undefined];
  return [id, (paths ?? '').split(',').filter((path) => path !== '').map((path) => resolve(path))];
}

function allowed(rights: readonly string[]): boolean {
  for (const right of rights.flatMap((text) => text.split(','))) {
    if (right !== 'security.insecure' && right !== 'network.host') throw new ScullError('INVALID', `invalid --allow ${JSON.stringify(right)}: it is security.insecure or network.host`);
  }
  return rights.some((text) => text.split(',').includes('security.insecure'));
}

/** As BuildKit has it, `type=…,…`; a path alone is a directory, a name alone an image or (without a tag, as Podman has it) a repository. */
function cachePlace(text: string, option: string, key: 'src' | 'dest'): CachePlace {
  const values = text.includes('=') ? keyed(text, option, ['type', key, 'ref', 'mode', 'ignore-error', 'image-manifest', 'oci-mediatypes']) : undefined;
  const ignoreErrors = values?.get('ignore-error') === 'true';
  if (values === undefined) return /^(?:\.{0,2}\/|\.{1,2}$|~)/.test(text) ? { kind: 'directory', path: resolve(text), ignoreErrors } : registryPlace(text, option, true, ignoreErrors);
  const needed = (name: string): string => {
    const value = values.get(name);
    if (value === undefined || value === '') throw new ScullError('INVALID', `invalid ${option} ${JSON.stringify(text)}: it has no ${name}`);
    return value;
  };
  switch (values.get('type')) {
    case 'local':
      return { kind: 'directory', path: resolve(needed(key)), ignoreErrors };
    case 'registry':
      return registryPlace(needed('ref'), option, false, ignoreErrors);
    default:
      throw new ScullError('UNSUPPORTED', `${option} of type ${JSON.stringify(values.get('type') ?? '')} is not supported`, { hint: `there are type=local,${key}=DIRECTORY and type=registry,ref=NAME` });
  }
}

/** @param mayBeRepository without a tag it is one, and gets an artifact for each step */
function registryPlace(name: string, option: string, mayBeRepository: boolean, ignoreErrors: boolean): CachePlace {
  const { digest } = parseReference(name);
  if (digest !== undefined) throw new ScullError('INVALID', `invalid ${option} ${JSON.stringify(name)}: what a digest names never changes`);
  return { kind: 'registry', reference: name, perStep: mayBeRepository && !/:[^/]*$/.test(name), ignoreErrors };
}
