/**
 * The instructions of `--change`: those of a Containerfile that only change an image's configuration (Dockerfile
 * reference; podman-import(1)). Pure: configuration and text in, configuration out.
 */
import { withEnvironment } from '../../build/plan/config.ts';
import { ScullError } from '../../host/errors.ts';
import type { ImageRuntimeConfig } from '../../oci/image.ts';

/** Applies instructions in order. `CMD=x` is the same as `CMD x`. @throws ScullError INVALID naming the instruction */
export function applyChanges(config: ImageRuntimeConfig, changes: readonly string[]): ImageRuntimeConfig {
  return changes.reduce(applyChange, config);
}

function applyChange(config: ImageRuntimeConfig, change: string): ImageRuntimeConfig {
  const match = /^\s*([A-Za-z]+)(?:\s+|=)([\s\S]*)$/.exec(change);
  const instruction = match?.[1]?.toUpperCase() ?? '';
  const value = match?.[2]?.trim() ?? '';
  const fail = (why: string): ScullError => new ScullError('INVALID', `invalid change ${JSON.stringify(change)}: ${why}`);
  if (instruction === '') throw fail('expected INSTRUCTION VALUE, for example "CMD /bin/sh"');
  if (value === '' && instruction !== 'ENTRYPOINT' && instruction !== 'CMD') throw fail(`${instruction} needs a value`);
  switch (instruction) {
    case 'CMD':
      return { ...config, Cmd: commandOf(value) };
    case 'ENTRYPOINT':
      return { ...config, Entrypoint: commandOf(value) };
    case 'ENV':
      return { ...config, Env: withEnvironment(config.Env ?? [], pairsOf(value, fail)) };
    case 'EXPOSE':
      return { ...config, ExposedPorts: { ...config.ExposedPorts, ...portsOf(value, fail) } };
    case 'LABEL':
      return { ...config, Labels: { ...config.Labels, ...Object.fromEntries(pairsOf(value, fail)) } };
    case 'ONBUILD':
      return { ...config, OnBuild: [...(config.OnBuild ?? []), value] };
    case 'STOPSIGNAL':
      if (!/^(?:[0-9]{1,2}|[A-Za-z0-9+-]{2,20})$/.test(value)) throw fail('expected a signal such as SIGTERM or 15');
      return { ...config, StopSignal: value };
    case 'USER':
      return { ...config, User: value };
    case 'VOLUME':
      return { ...config, Volumes: { ...config.Volumes, ...Object.fromEntries((jsonWords(value) ?? splitWords(value, fail)).map((path) => [path, {}])) } };
    case 'WORKDIR':
      return { ...config, WorkingDir: value.startsWith('/') ? value : `${(config.WorkingDir ?? '/').replace(/\/$/, '')}/${value}` };
    default:
      throw fail('expected one of CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR');
  }
}

/** The JSON form gives the words; anything else is a line for the shell. */
function commandOf(value: string): readonly string[] {
  if (value === '') return [];
  return jsonWords(value) ?? ['/bin/sh', '-c', value];
}

function jsonWords(value: string): readonly string[] | undefined {
  if (!value.startsWith('[')) return undefined;
  try {
    const words = JSON.parse(value) as unknown;
    return Array.isArray(words) && words.every((word) => typeof word === 'string') ? words : undefined;
  } catch {
    return undefined; // not JSON: as Docker does, it is then the other form
  }
}

/** `A=1 B="2 3"`, or the old form `A 1 2 3` for one. */
function pairsOf(value: string, fail: (why: string) => ScullError): readonly (readonly [string, string])[] {
  const words = splitWords(value, fail);
  const first = words[0] ?? '';
  if (!first.includes('=')) {
    if (words.length < 2) throw fail('expected KEY=VALUE');
    return [[first, value.slice(first.length).trim()]];
  }
  return words.map((word) => {
    const equals = word.indexOf('=');
    if (equals <= 0) throw fail(`expected KEY=VALUE, found ${JSON.stringify(word)}`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

function portsOf(value: string, fail: (why: string) => ScullError): Readonly<Record<string, object>> {
  const ports: [string, object][] = [];
  for (const word of splitWords(value, fail)) {
    const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(word);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (match === null || first < 1 || last > 65535 || last < first) throw fail(`${JSON.stringify(word)} is not a port or a range of ports`);
    for (let port = first; port <= last; port += 1) ports.push([`${port}/${match[3]?.toLowerCase() ?? 'tcp'}`, {}]);
  }
  return Object.fromEntries(ports);
}

/** Words as a shell splits them, with quotes and backslashes, but nothing expanded. */
function splitWords(value: string, fail: (why: string) => ScullError): readonly string[] {
  const words: string[] = [];
  const token = /\s+|"((?:[^"\\]|\\[\s\S])*)"|'([^']*)'|\\([\s\S])|([^\s"'\\]+)/gy;
  let word: string | undefined;
  while (token.lastIndex < value.length) {
    const match = token.exec(value);
    if (match === null) throw fail('a quote or a backslash is not closed');
    const [whole, double, single, escaped, plain] = match;
    if (/^\s/.test(whole)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + (double?.replace(/\\(["\\$])/g, '$1') ?? single ?? escaped ?? plain ?? '');
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}
