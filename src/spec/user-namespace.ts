/** --userns, --uidmap and --gidmap. */
import { ScullError } from '../host/errors.ts';
import type { IdRange, UserNamespaceSpec } from './container-spec.ts';
import { parseJoined } from './namespace.ts';

const EXPECTED = 'host, keep-id[:uid=N,gid=N,size=N], nomap, auto[:size=N,uidmapping=MAP,gidmapping=MAP], container:name or ns:path';
const LARGEST_ID = 4_294_967_294;

/**
 * @param count how the caller's ids count, needed for `@host` ids in the maps of auto
 * @throws ScullError INVALID saying which part is wrong
 */
export function parseUserNamespace(text: string, count: (kind: 'uid' | 'gid') => IdCount = () => ({ available: 0 })): UserNamespaceSpec {
  const joined = parseJoined(text, '--userns');
  if (joined !== undefined) return joined;
  const colon = text.indexOf(':');
  const mode = colon === -1 ? text : text.slice(0, colon);
  const options = colon === -1 ? undefined : text.slice(colon + 1);
  switch (mode) {
    case '':
    case 'host':
    case 'private':
    case 'nomap':
      if (options !== undefined) throw invalid(text, `${mode} takes no options`);
      return { mode: mode === 'nomap' ? 'nomap' : 'host' };
    case 'keep-id':
      return { mode: 'keep-id', ...parseOptions(text, options, ['uid', 'gid', 'size']) };
    case 'auto':
      return parseAuto(text, options, count);
    default:
      throw invalid(text, mode === 'pod' ? 'containers have the user namespace of their pod without being told, see --pod' : `unknown mode ${JSON.stringify(mode)}`);
  }
}

function parseAuto(text: string, options: string | undefined, count: (kind: 'uid' | 'gid') => IdCount): UserNamespaceSpec {
  const words = options?.split(',') ?? [];
  const named = (name: string, word: string): boolean => word === name || word.startsWith(`${name}=`);
  const maps = (kind: 'uid' | 'gid'): Record<string, IdRange[]> => {
    const given = words.filter((word) => named(`${kind}mapping`, word)).map((word) => word.slice(`${kind}mapping=`.length));
    for (const map of given) if (!/^\d/.test(map)) throw invalid(text, `${kind}mapping needs container-id:host-id[:amount], not ${JSON.stringify(map)}`);
    return given.length === 0 ? {} : { [`${kind}s`]: parseIdMaps(given, `--userns=auto:${kind}mapping`, count(kind)) };
  };
  const rest = words.filter((word) => !named('uidmapping', word) && !named('gidmapping', word));
  return { mode: 'auto', ...parseOptions(text, rest.length === 0 ? undefined : rest.join(','), ['size', 'uidmapping', 'gidmapping']), ...maps('uid'), ...maps('gid') };
}

function parseOptions(text: string, options: string | undefined, known: readonly string[]): Record<string, number> {
  const values: Record<string, number> = {};
  for (const option of options?.split(',') ?? []) {
    const [name = '', value = ''] = option.split('=', 2);
    if (!known.includes(name)) throw invalid(text, `unknown option ${JSON.stringify(name)}, known are ${known.join(', ')}`);
    if (!/^\d{1,10}$/.test(value) || Number(value) > LARGEST_ID) throw invalid(text, `${name} needs a number, not ${JSON.stringify(value)}`);
    if (values[name] !== undefined) throw invalid(text, `${name} is given twice`);
    if (name === 'size' && value === '0') throw invalid(text, 'a size of 0 leaves no user');
    values[name] = Number(value);
  }
  return values;
}

function invalid(text: string, why: string): ScullError {
  return new ScullError('INVALID', `invalid --userns ${JSON.stringify(text.slice(0, 100))}: ${why}; expected ${EXPECTED}`);
}

/** How the caller's default user namespace counts, needed for `@host` ids and to fill gaps. */
export interface IdCount {
  /** How many ids there are: 0 is the caller, 1 the first subordinate id. */
  readonly available: number;
  /** For an id of the host, the id in the default namespace; undefined where it is not the caller's. */
  readonly fromHost?: (hostId: number) => number | undefined;
}

/**
 * Words of --uidmap or --gidmap, `[+][u|g]container:from[:amount]`, `from` with `@` an id of the host. `+` takes back what
 * earlier words gave to the same ids; where all words have it, the ids left over fill the gaps from 0 on.
 * @param option whose words they are, e.g. `--uidmap`
 * @throws ScullError INVALID
 */
export function parseIdMaps(words: readonly string[], option: string, count: IdCount): IdRange[] {
  let ranges: IdRange[] = [];
  let onlyExtending = words.length > 0;
  for (const word of words.flatMap((text) => text.split(','))) {
    const { extends: extending, pieces } = parseIdMap(word, option, count);
    if (!extending) onlyExtending = false;
    for (const piece of pieces) ranges = [...(extending ? ranges.flatMap((range) => without(range, piece)) : ranges), piece];
  }
  if (onlyExtending) ranges = [...ranges, ...fillGaps(ranges, count.available)];
  return ranges.sort((a, b) => a.container - b.container);
}

function parseIdMap(word: string, option: string, count: IdCount): { extends: boolean; pieces: IdRange[] } {
  const match = /^([+ug]*)(\d{1,10}):(@?)(\d{1,10})(?::(\d{1,10}))?$/.exec(word);
  if (match === null) throw invalidMap(word, option, 'expected container-id:from-id[:amount], for example 0:1:1000');
  const [, flags, container, at, from, amount] = match as unknown as [string, string, string, string, string, string | undefined];
  const size = Number(amount ?? 1);
  if (size === 0) throw invalidMap(word, option, 'the amount is 0');
  if (Number(container) + size - 1 > LARGEST_ID) throw invalidMap(word, option, 'the range goes beyond the largest id');
  const first = { container: Number(container), host: Number(from), size };
  return { extends: flags.includes('+'), pieces: at === '' ? [first] : fromHostIds(first, word, option, count) };
}

/** One piece per run of host ids that are neighbours in the default namespace too. */
function fromHostIds(range: IdRange, word: string, option: string, count: IdCount): IdRange[] {
  const pieces: IdRange[] = [];
  if (range.size > 1_000_000) throw invalidMap(word, option, 'too large a range for @');
  for (let offset = 0; offset < range.size; offset++) {
    const host = count.fromHost?.(range.host + offset);
    if (host === undefined) throw invalidMap(word, option, `the host id ${range.host + offset} is not among yours`);
    const last = pieces.at(-1);
    if (last !== undefined && last.host + last.size === host) pieces[pieces.length - 1] = { ...last, size: last.size + 1 };
    else pieces.push({ container: range.container + offset, host, size: 1 });
  }
  return pieces;
}

/** What is left of `range` when `taken` takes ids from either side of it. */
function without(range: IdRange, taken: IdRange): IdRange[] {
  return cut(range, taken.container, taken.size, 'container').flatMap((rest) => cut(rest, taken.host, taken.size, 'host'));
}

function cut(range: IdRange, first: number, size: number, side: 'container' | 'host'): IdRange[] {
  const start = range[side];
  const before = Math.min(Math.max(first - start, 0), range.size);
  const after = Math.min(Math.max(start + range.size - (first + size), 0), range.size);
  if (before + after >= range.size) return [range];
  const rest: IdRange[] = [];
  if (before > 0) rest.push({ ...range, size: before });
  if (after > 0) rest.push({ container: range.container + range.size - after, host: range.host + range.size - after, size: after });
  return rest;
}

function fillGaps(ranges: readonly IdRange[], available: number): IdRange[] {
  const free = gaps(ranges.map(({ host, size }) => ({ first: host, size })), available);
  const holes = gaps(ranges.map(({ container, size }) => ({ first: container, size })), Number.MAX_SAFE_INTEGER);
  return pairIds(holes, free);
}

/** Ids that follow each other. */
export interface IdRun {
  readonly first: number;
  readonly size: number;
}

/** Gives each id of the container one of the others, both in their order, as far as both suffice. */
export function pairIds(container: readonly IdRun[], host: readonly IdRun[]): IdRange[] {
  const left = [container, host].map((runs) => runs.map((run) => ({ ...run }))) as [{ first: number; size: number }[], { first: number; size: number }[]];
  const pairs: IdRange[] = [];
  for (let [to, from] = [left[0].shift(), left[1].shift()]; to !== undefined && from !== undefined; ) {
    const size = Math.min(to.size, from.size);
    pairs.push({ container: to.first, host: from.first, size });
    for (const run of [to, from]) [run.first, run.size] = [run.first + size, run.size - size];
    if (to.size === 0) to = left[0].shift();
    if (from.size === 0) from = left[1].shift();
  }
  return pairs;
}

/** What lies between the `taken` ones, from 0 to before `end`. */
export function gaps(taken: readonly IdRun[], end: number): IdRun[] {
  const result: IdRun[] = [];
  let next = 0;
  for (const { first, size } of [...taken].sort((a, b) => a.first - b.first)) {
    if (first > next) result.push({ first: next, size: Math.min(first, end) - next });
    next = Math.max(next, first + size);
  }
  if (next < end) result.push({ first: next, size: end - next });
  return result.filter((gap) => gap.size > 0);
}

function invalidMap(word: string, option: string, why: string): ScullError {
  return new ScullError('INVALID', `invalid ${option} ${JSON.stringify(word.slice(0, 100))}: ${why}`);
}
