/** RUN --mount=type=…, as the Dockerfile reference lists them: options by an allow list (CVE-2024-9407, CVE-2024-9675). */
import { posix } from 'node:path';
import { nearest } from '../../spec/suggestion.ts';

export interface BindRunMount {
  readonly type: 'bind';
  readonly target: string;
  /** Stage, image or named context; the build's context unless given. */
  readonly from?: string;
  /** Path in it, `/` unless given. */
  readonly source: string;
  /** What is written is thrown away; without it nothing can be written. */
  readonly writable: boolean;
}

export interface CacheRunMount {
  readonly type: 'cache';
  readonly target: string;
  readonly id: string;
  readonly readOnly: boolean;
  readonly sharing: 'shared' | 'private' | 'locked';
  readonly from?: string;
  readonly source: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface TmpfsRunMount {
  readonly type: 'tmpfs';
  readonly target: string;
  /** Bytes. */
  readonly size?: number;
}

export interface SecretRunMount {
  readonly type: 'secret';
  readonly id: string;
  /** Undefined where it is only put into the environment. */
  readonly target?: string;
  readonly environment?: string;
  readonly required: boolean;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface SshRunMount {
  readonly type: 'ssh';
  readonly id: string;
  readonly target: string;
  readonly required: boolean;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export type RunMount = BindRunMount | CacheRunMount | TmpfsRunMount | SecretRunMount | SshRunMount;

const TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;

const OPTIONS: Readonly<Record<(typeof TYPES)[number], readonly string[]>> = {
  bind: ['type', 'target', 'from', 'source', 'rw', 'ro'],
  cache: ['type', 'target', 'id', 'ro', 'rw', 'sharing', 'from', 'source', 'mode', 'uid', 'gid'],
  tmpfs: ['type', 'target', 'size'],
  secret: ['type', 'id', 'target', 'env', 'required', 'mode', 'uid', 'gid'],
  ssh: ['type', 'id', 'target', 'required', 'mode', 'uid', 'gid'],
};

const OTHER_NAMES: Readonly<Record<string, string>> = { dst: 'target', destination: 'target', src: 'source', readonly: 'ro', readwrite: 'rw' };

/**
 * One value of --mount.
 * @param workdir relative targets are below it
 * @param index which of the instruction's ssh mounts it is
 * @throws RangeError saying what is wrong
 */
export function parseRunMount(text: string, workdir: string, index: number): RunMount {
  const given = optionsOf(text);
  const type = (given.get('type') ?? 'bind') as (typeof TYPES)[number];
  if (!TYPES.includes(type)) throw new RangeError(`there is no mount of type ${JSON.stringify(type)}${meant(type, TYPES)}`);
  for (const key of given.keys()) {
    if (!OPTIONS[type].includes(key)) throw new RangeError(`a ${type} mount has no option ${JSON.stringify(key)}${meant(key, OPTIONS[type])}`);
  }
  const target = given.get('target');
  const absolute = target === undefined ? undefined : absoluteTarget(target, workdir);
  switch (type) {
    case 'bind':
      return { type, target: needed(absolute, 'bind'), source: sourceIn(given.get('source')), writable: isWritable(given, false), ...from(given) };
    case 'cache': {
      const place = needed(absolute, 'cache');
      const sharing = given.get('sharing') ?? 'shared';
      if (sharing !== 'shared' && sharing !== 'private' && sharing !== 'locked') throw new RangeError(`sharing is shared, private or locked, not ${JSON.stringify(sharing)}`);
      return { type, target: place, id: given.get('id') ?? place, readOnly: !isWritable(given, true), sharing, source: sourceIn(given.get('source')), mode: octal(given, 'mode', 0o755), uid: id(given, 'uid'), gid: id(given, 'gid'), ...from(given) };
    }
    case 'tmpfs': {
      const size = given.get('size');
      return { type, target: needed(absolute, 'tmpfs'), ...(size === undefined ? {} : { size: bytes(size) }) };
    }
    case 'secret': {
      const secret = given.get('id') ?? (absolute === undefined ? undefined : posix.basename(absolute));
      if (secret === undefined || secret === '') throw new RangeError('a secret mount needs an id');
      const environment = given.get('env');
      if (environment !== undefined && !/^[A-Za-z_]\w*$/.test(environment)) throw new RangeError(`invalid name of a variable ${JSON.stringify(environment)}`);
      const place = absolute ?? (environment === undefined ? `/run/secrets/${posix.basename(secret)}` : undefined);
      return { type, id: secret, required: isOn(given, 'required', false), mode: octal(given, 'mode', 0o400), uid: id(given, 'uid'), gid: id(given, 'gid'), ...(place === undefined ? {} : { target: place }), ...(environment === undefined ? {} : { environment }) };
    }
    case 'ssh':
      return { type, id: given.get('id') ?? 'default', target: absolute ?? `/run/buildkit/ssh_agent.${index}`, required: isOn(given, 'required', false), mode: octal(given, 'mode', 0o600), uid: id(given, 'uid'), gid: id(given, 'gid') };
  }
}

function optionsOf(text: string): Map<string, string> {
  const given = new Map<string, string>();
  for (const part of text.split(',')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const typed = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    const key = OTHER_NAMES[typed] ?? typed;
    if (given.has(key)) throw new RangeError(`${JSON.stringify(key)} is given twice`);
    given.set(key, equals < 0 ? 'true' : part.slice(equals + 1).replace(/^"(.*)"$/, '$1'));
  }
  return given;
}

function meant(word: string, candidates: readonly string[]): string {
  const near = nearest(word, candidates);
  return near === undefined ? `; there are ${candidates.join(', ')}` : `; did you mean ${near}?`;
}

function needed(target: string | undefined, type: string): string {
  if (target === undefined) throw new RangeError(`a ${type} mount needs a target`);
  if (target === '/') throw new RangeError(`a ${type} mount can't cover the root`);
  return target;
}

function absoluteTarget(target: string, workdir: string): string {
  const path = posix.resolve('/', workdir, target);
  if (/^\/(?:proc|sys)(?:\/|$)/.test(path)) throw new RangeError(`a mount can't be at ${JSON.stringify(path)}`);
  return path;
}

/** Always below what it is a path in: `..` ends at its top. */
function sourceIn(source: string | undefined): string {
  return posix.resolve('/', source ?? '/');
}

/** `rw`, or `ro=false`. */
function isWritable(given: ReadonlyMap<string, string>, otherwise: boolean): boolean {
  return given.has('ro') ? !isOn(given, 'ro', false) : isOn(given, 'rw', otherwise);
}

function from(given: ReadonlyMap<string, string>): { readonly from?: string } {
  const value = given.get('from');
  return value === undefined ? {} : { from: value };
}

function isOn(given: ReadonlyMap<string, string>, key: string, otherwise: boolean): boolean {
  const value = given.get(key);
  if (value === undefined) return otherwise;
  if (['true', '1'].includes(value)) return true;
  if (['false', '0'].includes(value)) return false;
  throw new RangeError(`${key} is true or false, not ${JSON.stringify(value)}`);
}

function octal(given: ReadonlyMap<string, string>, key: string, otherwise: number): number {
  const value = given.get(key);
  if (value === undefined) return otherwise;
  if (!/^[0-7]{1,5}$/.test(value)) throw new RangeError(`${key} is an octal number such as 0755, not ${JSON.stringify(value)}`);
  return Number.parseInt(value, 8) & 0o7777;
}

function id(given: ReadonlyMap<string, string>, key: string): number {
  const value = given.get(key) ?? '0';
  if (!/^\d{1,10}$/.test(value) || Number(value) > 0xfffffffe) throw new RangeError(`${key} is a number, not ${JSON.stringify(value)}`);
  return Number(value);
}

function bytes(text: string): number {
  const match = /^(\d+)([kmg]?)i?b?$/i.exec(text);
  if (match === null) throw new RangeError(`size is a number of bytes such as 64m, not ${JSON.stringify(text)}`);
  return Number(match[1]) * ({ '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[(match[2] as string).toLowerCase() as '' | 'k' | 'm' | 'g'] as number);
}
