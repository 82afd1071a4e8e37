/** --log-driver and --log-opt. */
import { posix } from 'node:path';
import { ScullError } from '../host/errors.ts';
import type { LogSpec } from './container-spec.ts';
import { parseSize } from './size.ts';

/** As typed → ours. Docker's json-file is accepted: what it promises (a file, kept, readable by `logs`) holds. */
const DRIVERS: Readonly<Record<string, LogSpec['driver']>> = {
  '': 'k8s-file',
  'k8s-file': 'k8s-file',
  'json-file': 'k8s-file',
  local: 'k8s-file',
  journald: 'journald',
  none: 'none',
  passthrough: 'passthrough',
};

/**
 * @param driver undefined means the default
 * @param cwd absolute; a relative `path=` is taken from there
 * @throws ScullError INVALID, UNSUPPORTED
 */
export function parseLog(driver: string | undefined, options: readonly string[], cwd: string): LogSpec {
  const known = Object.hasOwn(DRIVERS, driver ?? '') ? DRIVERS[driver ?? '']! : undefined;
  if (known === undefined) {
    throw new ScullError('UNSUPPORTED', `unknown log driver ${JSON.stringify(driver?.slice(0, 60))}`, { hint: 'known are k8s-file (json-file means the same), journald, none and passthrough' });
  }
  let spec: LogSpec = { driver: known, labels: [] };
  for (const option of options) spec = withOption(spec, option, cwd);
  if (spec.tag === undefined || known === 'journald') return spec;
  if (driver !== 'json-file' && driver !== 'local') throw new ScullError('INVALID', `--log-opt tag is for the journal: ${driver ?? 'k8s-file'} writes no tags`, { hint: 'use --log-driver=journald, or leave it out' });
  const { tag: _tag, ...rest } = spec; // Docker's drivers for files take one, and nobody sees it
  return rest;
}

function withOption(spec: LogSpec, option: string, cwd: string): LogSpec {
  const equals = option.indexOf('=');
  const [key, value] = equals === -1 ? [option, ''] : [option.slice(0, equals), option.slice(equals + 1)];
  if (value === '') throw invalid(option, 'expected name=value');
  switch (key) {
    case 'max-size':
      return { ...spec, maxSize: parseSize(value, '--log-opt max-size') };
    case 'path':
      return { ...spec, path: posix.resolve(cwd, value) };
    case 'tag':
      return { ...spec, tag: value };
    case 'label':
    case 'labels':
      return { ...spec, labels: [...spec.labels, value] };
    case 'max-file':
    case 'mode':
    case 'compress':
      return spec; // Docker's rotation: one file is kept here, capped by max-size
    default:
      throw invalid(option, `unknown option ${JSON.stringify(key)}, known are max-size, path, tag and label`);
  }
}

function invalid(option: string, why: string): ScullError {
  return new ScullError('INVALID', `invalid --log-opt ${JSON.stringify(option.slice(0, 100))}: ${why}`);
}
