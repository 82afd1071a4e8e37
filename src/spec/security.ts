/** --security-opt, every form that Docker and Podman know. */
import { posix } from 'node:path';
import { ScullError } from '../host/errors.ts';
import type { SecuritySpec } from './container-spec.ts';

const EXPECTED =
  'known are no-new-privileges, seccomp=FILE|unconfined, apparmor=PROFILE|unconfined, label=…, mask=PATH[:PATH…], unmask=ALL|PATH[:PATH…], proc-opts=OPTIONS, systempaths=unconfined';

/**
 * All --security-opt values together.
 * @param cwd absolute; a relative seccomp profile is taken from there
 * @throws ScullError INVALID
 */
export function parseSecurityOptions(texts: readonly string[], cwd: string): SecuritySpec {
  let result: SecuritySpec = { noNewPrivileges: false, labels: [], mask: [], unmask: [], procOptions: [] };
  for (const text of texts) result = withOption(result, text, cwd);
  return result;
}

function withOption(spec: SecuritySpec, text: string, cwd: string): SecuritySpec {
  const { key, value } = split(text);
  switch (key) {
    case 'no-new-privileges':
      return { ...spec, noNewPrivileges: parseBoolean(value ?? 'true', text) };
    case 'seccomp':
      return { ...spec, seccomp: value === 'unconfined' ? value : posix.resolve(cwd, required(value, text)) };
    case 'apparmor':
      return { ...spec, apparmor: required(value, text) };
    case 'label':
      return { ...spec, labels: [...spec.labels, parseLabelOption(required(value, text), text)] };
    case 'mask':
      return { ...spec, mask: [...spec.mask, ...paths(required(value, text), text, false)] };
    case 'unmask':
      return { ...spec, unmask: [...spec.unmask, ...paths(required(value, text), text, true)] };
    case 'proc-opts':
      return { ...spec, procOptions: [...spec.procOptions, ...parseProcOptions(required(value, text), text)] };
    case 'systempaths':
      if (value !== 'unconfined') throw invalid(text, 'systempaths takes only unconfined');
      return { ...spec, unmask: [...spec.unmask, 'ALL'] };
    default:
      throw invalid(text, `unknown option ${JSON.stringify(key)}; ${EXPECTED}`);
  }
}

/** `key=value`; Docker's old `key:value` goes on working. */
function split(text: string): { key: string; value: string | undefined } {
  const at = text.includes('=') ? text.indexOf('=') : text.indexOf(':');
  return at === -1 ? { key: text, value: undefined } : { key: text.slice(0, at), value: text.slice(at + 1) };
}

function required(value: string | undefined, text: string): string {
  if (value !== undefined && value !== '') return value;
  throw invalid(text, 'the value is missing');
}

function parseBoolean(value: string, text: string): boolean {
  if (/^(?:1|t|true)$/i.test(value)) return true;
  if (/^(?:0|f|false)$/i.test(value)) return false;
  throw invalid(text, `${JSON.stringify(value)} is neither true nor false`);
}

function parseLabelOption(value: string, text: string): string {
  if (/^(?:disable|nested|(?:user|role|type|level|filetype):.+)$/.test(value)) return value;
  throw invalid(text, 'expected label=disable, or user:, role:, type:, level: or filetype: with a value');
}

function paths(value: string, text: string, allowsAll: boolean): string[] {
  return value.split(':').map((path) => {
    if (allowsAll && path.toUpperCase() === 'ALL') return 'ALL';
    if (!path.startsWith('/')) throw invalid(text, `the path ${JSON.stringify(path)} is not absolute`);
    return posix.normalize(path);
  });
}

function parseProcOptions(value: string, text: string): string[] {
  return value.split(',').map((option) => {
    if (/^(?:hidepid=\w+|gid=\d+|subset=pid|ro|rw|nosuid|nodev|noexec)$/.test(option)) return option;
    throw invalid(text, `${JSON.stringify(option)} is not an option of proc(5)`);
  });
}

function invalid(text: string, why: string): ScullError {
  return new ScullError('INVALID', `invalid --security-opt ${JSON.stringify(text.slice(0, 200))}: ${why}`);
}
