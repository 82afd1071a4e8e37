/** --ulimit NAME=SOFT[:HARD], or `host`. Names as in setrlimit(2), lower case. */
import { ScullError } from '../host/errors.ts';
import type { UlimitSpec } from './container-spec.ts';
import { nearest } from './suggestion.ts';

const NAMES: readonly string[] = [
  'as', 'core', 'cpu', 'data', 'fsize', 'locks', 'memlock', 'msgqueue', 'nice', 'nofile', 'nproc', 'rss', 'rtprio', 'rttime', 'sigpending', 'stack',
];

/** @throws ScullError INVALID */
export function parseUlimit(text: string): UlimitSpec {
  if (text === 'host') return { name: 'host', soft: -1, hard: -1 };
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(equals, 0)).trim().toLowerCase().replace(/^rlimit_/, '');
  if (!NAMES.includes(name)) {
    const like = nearest(name, NAMES);
    throw invalid(text, name === '' ? 'expected name=soft[:hard], for example nofile=1024:2048' : `unknown limit ${JSON.stringify(name)}`, like === undefined ? `known are ${NAMES.join(', ')}` : `did you mean ${like}?`);
  }
  const parts = text.slice(equals + 1).split(':');
  if (parts.length > 2) throw invalid(text, 'expected at most two numbers, soft:hard');
  const soft = limit(parts[0]!, 'soft', text);
  const hard = parts[1] === undefined ? soft : limit(parts[1], 'hard', text);
  if (hard !== -1 && (soft === -1 || soft > hard)) throw invalid(text, `the soft limit ${parts[0]} is above the hard limit ${parts[1]}`);
  return { name, soft, hard };
}

function limit(text: string, which: string, whole: string): number {
  if (text === '-1' || text === 'unlimited') return -1;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw invalid(whole, `the ${which} limit ${JSON.stringify(text)} is not a number, -1 or unlimited`);
}

function invalid(text: string, why: string, hint?: string): ScullError {
  return new ScullError('INVALID', `invalid --ulimit ${JSON.stringify(text.slice(0, 100))}: ${why}`, hint === undefined ? {} : { hint });
}
