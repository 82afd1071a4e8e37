/**
 * Profiles that users bring (--security-opt seccomp=FILE): Docker's JSON form, with rules that depend on capabilities,
 * architecture and kernel, or the runtime's own form, which is a subset of it.
 */
import { constants, release } from 'node:os';
import { ScullError } from '../../../host/errors.ts';
import type { SeccompRule, SeccompSpec } from '../../../oci/runtime-spec.ts';
import { ARCHITECTURES } from './default-syscalls.ts';

export interface ProfileFacts {
  readonly bounding: readonly string[];
  /** As process.arch. */
  readonly architecture: string;
  /** As uname -r; the running kernel's unless given. */
  readonly kernel?: string;
}

type Json = Readonly<Record<string, unknown>>;

const ACTIONS = new Set([
  'SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_KILL_THREAD', 'SCMP_ACT_TRAP', 'SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE', 'SCMP_ACT_ALLOW',
  'SCMP_ACT_LOG', 'SCMP_ACT_NOTIFY',
]);
const OPERATORS = new Set(['SCMP_CMP_NE', 'SCMP_CMP_LT', 'SCMP_CMP_LE', 'SCMP_CMP_EQ', 'SCMP_CMP_GE', 'SCMP_CMP_GT', 'SCMP_CMP_MASKED_EQ']);

/** @throws ScullError INVALID saying which part of the profile is wrong */
export function parseSeccompProfile(text: string, facts: ProfileFacts): SeccompSpec {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ScullError('INVALID', `the seccomp profile is not JSON: ${(cause as Error).message}`, { cause });
  }
  const profile = object(json, 'the profile');
  const syscalls = profile['syscalls'] === undefined || profile['syscalls'] === null ? [] : array(profile['syscalls'], 'syscalls');
  const architectures = chosenArchitectures(profile, facts);
  const errno = errnoOf(profile, 'defaultErrno', 'defaultErrnoRet', 'the profile');
  return {
    defaultAction: oneOf(profile['defaultAction'], ACTIONS, 'defaultAction'),
    ...(errno === undefined ? {} : { defaultErrnoRet: errno }),
    ...(architectures === undefined ? {} : { architectures }),
    ...(profile['flags'] === undefined || profile['flags'] === null ? {} : { flags: strings(profile['flags'], 'flags') }),
    syscalls: syscalls.flatMap((entry, index) => rule(object(entry, `syscalls[${index}]`), `syscalls[${index}]`, facts)),
  };
}

function chosenArchitectures(profile: Json, facts: ProfileFacts): readonly string[] | undefined {
  const listed = profile['architectures'];
  const mapped = profile['archMap'];
  if (isFull(listed) && isFull(mapped)) throw invalid("'architectures' and 'archMap' exclude each other");
  if (isFull(listed)) return strings(listed, 'architectures');
  if (!isFull(mapped)) return undefined;
  const own = ARCHITECTURES[facts.architecture]?.seccomp[0];
  for (const [index, entry] of array(mapped, 'archMap').entries()) {
    const map = object(entry, `archMap[${index}]`);
    if (map['architecture'] === own) return [own!, ...strings(map['subArchitectures'] ?? [], `archMap[${index}].subArchitectures`)];
  }
  return undefined;
}

function isFull(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}

function rule(entry: Json, where: string, facts: ProfileFacts): SeccompRule[] {
  if (!applies(entry, where, facts)) return [];
  const names = entry['names'] === undefined || entry['names'] === null ? [] : strings(entry['names'], `${where}.names`);
  if (entry['name'] !== undefined && entry['name'] !== '' && names.length > 0) throw invalid(`${where} has both 'name' and 'names'`);
  const all = typeof entry['name'] === 'string' && entry['name'] !== '' ? [entry['name']] : names;
  if (all.length === 0) throw invalid(`${where} names no system call`);
  const args = entry['args'] === undefined || entry['args'] === null ? [] : array(entry['args'], `${where}.args`);
  const errno = errnoOf(entry, 'errno', 'errnoRet', where);
  return [
    {
      names: all,
      action: oneOf(entry['action'], ACTIONS, `${where}.action`),
      ...(errno === undefined ? {} : { errnoRet: errno }),
      ...(args.length === 0 ? {} : { args: args.map((arg, index) => argument(object(arg, `${where}.args[${index}]`), `${where}.args[${index}]`)) }),
    },
  ];
}

function applies(entry: Json, where: string, facts: ProfileFacts): boolean {
  const architecture = ARCHITECTURES[facts.architecture]?.name ?? facts.architecture;
  const conditions = (key: 'includes' | 'excludes'): { caps: string[]; arches: string[]; minKernel: string | undefined } => {
    const filter = entry[key] === undefined || entry[key] === null ? {} : object(entry[key], `${where}.${key}`);
    return {
      caps: strings(filter['caps'] ?? [], `${where}.${key}.caps`),
      arches: strings(filter['arches'] ?? [], `${where}.${key}.arches`),
      minKernel: filter['minKernel'] === undefined ? undefined : String(filter['minKernel']),
    };
  };
  const include = conditions('includes');
  const exclude = conditions('excludes');
  if (exclude.arches.includes(architecture) || exclude.caps.some((name) => facts.bounding.includes(name))) return false;
  if (include.arches.length > 0 && !include.arches.includes(architecture)) return false;
  if (!include.caps.every((name) => facts.bounding.includes(name))) return false;
  const kernel = facts.kernel ?? release();
  if (include.minKernel !== undefined && !kernelAtLeast(kernel, include.minKernel)) return false;
  return exclude.minKernel === undefined || !kernelAtLeast(kernel, exclude.minKernel);
}

function kernelAtLeast(kernel: string, wanted: string): boolean {
  const [have, want] = [kernel, wanted].map((text) => text.split('.', 2).map((part) => Number.parseInt(part, 10) || 0));
  return have![0]! > want![0]! || (have![0] === want![0] && (have![1] ?? 0) >= (want![1] ?? 0));
}

function argument(arg: Json, where: string): NonNullable<SeccompRule['args']>[number] {
  const second = arg['valueTwo'];
  return {
    index: number(arg['index'], `${where}.index`, 5),
    value: number(arg['value'] ?? 0, `${where}.value`, Number.MAX_SAFE_INTEGER),
    ...(second === undefined || second === 0 ? {} : { valueTwo: number(second, `${where}.valueTwo`, Number.MAX_SAFE_INTEGER) }),
    op: oneOf(arg['op'], OPERATORS, `${where}.op`),
  };
}

/** By name (Podman's newer field), else by number. */
function errnoOf(entry: Json, nameKey: string, numberKey: string, where: string): number | undefined {
  const name = entry[nameKey];
  if (typeof name === 'string' && name !== '') {
    if (/^\d{1,4}$/.test(name)) return Number(name);
    const value = (constants.errno as Readonly<Record<string, number>>)[name];
    if (value === undefined) throw invalid(`unknown errno ${JSON.stringify(name.slice(0, 40))} in ${where}`);
    return value;
  }
  const value = entry[numberKey];
  return value === undefined || value === null ? undefined : number(value, `${numberKey} of ${where}`, 4095);
}

function object(value: unknown, where: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw invalid(`${where} is not an object`);
}

function array(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid(`${where} is not a list`);
}

function strings(value: unknown, where: string): string[] {
  if (value === null) return [];
  return array(value, where).map((item) => {
    if (typeof item === 'string') return item;
    throw invalid(`${where} holds something that is not a string`);
  });
}

function number(value: unknown, where: string, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw invalid(`${where} is not a number from 0 to ${most}`);
}

function oneOf(value: unknown, known: ReadonlySet<string>, where: string): string {
  if (typeof value === 'string' && known.has(value)) return value;
  throw invalid(`${where} is ${value === undefined ? 'missing' : JSON.stringify(value)?.slice(0, 60)}; known are ${[...known].join(', ')}`);
}

function invalid(what: string): ScullError {
  return new ScullError('INVALID', `invalid seccomp profile: ${what}`);
}
