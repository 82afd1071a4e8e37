/** What instructions without files do to an image's configuration. Pure: values are expanded already. */
import { posix } from 'node:path';
import type { HealthcheckConfig, ImageRuntimeConfig } from '../../oci/image.ts';
import type { CommandForm, Healthcheck } from '../containerfile/instructions.ts';

/** Docker's. */
export const DEFAULT_SHELL: readonly string[] = ['/bin/sh', '-c'];
/** What an image gets that says nothing of it, as BuildKit has it: `ENV PATH=$PATH:/app` must not lose the rest. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** `K=V` entries with some replaced or added, in order. */
export function withEnvironment(env: readonly string[], pairs: readonly (readonly [string, string])[]): string[] {
  const entries = new Map(env.map((entry) => [entry.split('=', 1)[0] as string, entry]));
  for (const [key, value] of pairs) entries.set(key, `${key}=${value}`);
  return [...entries.values()];
}

export function environmentMap(env: readonly string[] | undefined): Map<string, string> {
  return new Map((env ?? []).flatMap((entry) => (entry.includes('=') ? [[entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const] : [])));
}

/** The argument list of RUN, CMD, ENTRYPOINT. */
export function commandWords(command: CommandForm, shell: readonly string[]): string[] {
  return 'exec' in command ? [...command.exec] : [...shell, command.shell];
}

/** WORKDIR: relative to the one before. */
export function resolveWorkdir(before: string | undefined, path: string): string {
  const absolute = posix.isAbsolute(path) ? path : posix.join(before === undefined || before === '' ? '/' : before, path);
  const normal = posix.normalize(absolute);
  return normal.length > 1 ? normal.replace(/\/$/, '') : normal;
}

/**
 * Ports of EXPOSE.
 * @returns `80/tcp` …
 * @throws RangeError saying which word is none
 */
export function exposedPorts(words: readonly string[]): string[] {
  return words.flatMap((word) => {
    const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(word);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (match === null || first < 1 || last > 65535 || last < first) throw new RangeError(`${JSON.stringify(word)} is not a port or a range of ports`);
    return Array.from({ length: last - first + 1 }, (_, offset) => `${first + offset}/${match[3]?.toLowerCase() ?? 'tcp'}`);
  });
}

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** A duration as Go writes them, in nanoseconds. @throws RangeError */
export function nanoseconds(text: string): number {
  if (text === '0') return 0;
  const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/gy)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) throw new RangeError(`${JSON.stringify(text)} is not a duration such as 30s or 1m30s`);
  return Math.round(parts.reduce((sum, [, number, unit]) => sum + Number(number) * (UNITS[unit as string] as number), 0));
}

/** @throws RangeError saying which value is wrong */
export function healthcheckConfig(check: Healthcheck, shell: readonly string[]): HealthcheckConfig {
  if (check.command === undefined) return { Test: ['NONE'] };
  const isDefaultShell = shell.length === DEFAULT_SHELL.length && shell.every((word, index) => word === DEFAULT_SHELL[index]);
  const { command } = check;
  const test = 'exec' in command ? ['CMD', ...command.exec] : isDefaultShell ? ['CMD-SHELL', command.shell] : ['CMD', ...shell, command.shell];
  const retries = check.retries === undefined ? undefined : Number(check.retries);
  if (retries !== undefined && !(Number.isInteger(retries) && retries >= 0)) throw new RangeError(`--retries is a number, not ${JSON.stringify(check.retries)}`);
  return {
    Test: test,
    ...duration('Interval', check.interval),
    ...duration('Timeout', check.timeout),
    ...duration('StartPeriod', check.startPeriod),
    ...duration('StartInterval', check.startInterval),
    ...(retries === undefined || retries === 0 ? {} : { Retries: retries }),
  };
}

function duration<K extends string>(key: K, text: string | undefined): { readonly [name in K]?: number } {
  if (text === undefined) return {};
  const value = nanoseconds(text);
  return value === 0 ? {} : ({ [key]: value } as { readonly [name in K]?: number });
}

/** A child image begins with its parent's configuration, without what belongs to the parent alone. */
export function inheritedConfig(config: ImageRuntimeConfig | undefined): ImageRuntimeConfig {
  const { OnBuild: _triggers, ...rest } = config ?? {};
  return environmentMap(rest.Env).has('PATH') ? rest : { ...rest, Env: [...(rest.Env ?? []), `PATH=${DEFAULT_PATH}`] };
}
