/**
 * What a shell asks while the user presses Tab: `scull __complete WORD… CURRENT`, where the words are those after the
 * program's name and the last one, possibly empty, is being typed.
 *
 * Answer: one candidate a line, with a description after a tab where there is one, and a last line that tells the shell
 * what to do with them: `:end` (nothing more), `:open` (no space after it, a value follows), `:files` (offer paths).
 * Candidates begin with CURRENT. Nothing is ever printed to standard error, and the status is 0: a shell can't use either.
 */
import { ClosedOutputError } from '../host/errors.ts';
import { writeOut } from './output.ts';
import { allSpellings, findCommand, nouns } from './command-table.ts';
import { escapeControl } from './escape.ts';
import { readManifest, type ManifestCommand, type ManifestFlag } from './manifest.ts';
import type { GlobalValues } from './command.ts';

export interface Completion {
  readonly candidates: readonly (readonly [value: string, description?: string])[];
  readonly then: 'end' | 'open' | 'files';
}

/** Names in the store, asked for only where they fit. */
export interface Names {
  containers(globals: GlobalValues): Promise<readonly string[]>;
  images(globals: GlobalValues): Promise<readonly string[]>;
  volumes(globals: GlobalValues): Promise<readonly string[]>;
  secrets(globals: GlobalValues): Promise<readonly string[]>;
  networks(globals: GlobalValues): Promise<readonly string[]>;
  pods(globals: GlobalValues): Promise<readonly string[]>;
}

const NOTHING: Completion = { candidates: [], then: 'end' };
const FILES: Completion = { candidates: [], then: 'files' };

/** Prints the completion. @returns 0, always: a damaged store must not disturb a prompt. */
export async function complete(words: readonly string[]): Promise<number> {
  try {
    const { candidates, then } = await completionOf(words, storeNames);
    const lines = candidates.map(([value, description]) => (description === undefined ? value : `${value}\t${escapeControl(description)}`));
    writeOut([...lines, `:${then}`, ''].join('\n'));
  } catch (error) {
    if (!(error instanceof ClosedOutputError)) writeOut(':end\n');
  }
  return 0;
}

const storeNames: Names = {
  containers: async (globals) => (await import('../engine/names.ts')).containerNames(await open(globals)),
  images: async (globals) => (await import('../engine/names.ts')).imageNames(await open(globals)),
  volumes: async (globals) => (await import('../engine/names.ts')).volumeNames(await open(globals)),
  secrets: async (globals) => (await import('../engine/names.ts')).secretNames(await open(globals)),
  networks: async (globals) => (await import('../engine/names.ts')).networkNames(await open(globals)),
  pods: async (globals) => (await import('../engine/names.ts')).podNames(await open(globals)),
};

async function open(globals: GlobalValues) {
  const { openEngine } = await import('../engine/engine.ts');
  return openEngine({ root: globals.root, runRoot: globals.runroot });
}

/** @param words as for {@link complete} */
export async function completionOf(words: readonly string[], names: Names): Promise<Completion> {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const manifest = await readManifest();
  // The global flags are on every command; any will do to know them.
  const globalFlags = Object.values(manifest.values().next().value?.flags ?? {}).filter((flag) => flag.helpGroup === 'GLOBAL');

  const start = skipFlags(before, globalFlags, true);
  if (start.pending !== undefined) return flagValue(start.pending, '', current);
  const typed = before.slice(start.index);
  if (typed[0] === 'help') return typed.length === 1 ? commandWords(current, manifest) : NOTHING;
  const found = findCommand(typed);
  if (found === undefined) {
    if (typed.length === 0) return current.startsWith('-') ? flagNames(current, globalFlags) : commandWords(current, manifest);
    return typed.length === 1 && nouns().includes(typed[0] as string) ? nounWords(typed[0] as string, current, manifest) : NOTHING;
  }
  // `image` may be a command of no noun and `container` may not: a noun wins only without a command of that name.
  const command = manifest.get(found.id);
  if (command === undefined) return NOTHING;
  return inCommand(command, typed.slice(found.count), current, { ...start.globals }, names);
}

async function inCommand(command: ManifestCommand, before: readonly string[], current: string, globals: GlobalValues, names: Names): Promise<Completion> {
  const flags = Object.values(command.flags);
  const state = skipFlags(before, flags, command.stopAtFirstWord === true);
  const all = { ...globals, ...state.globals };
  if (state.pending !== undefined) return flagValue(state.pending, '', current, await namesFor(state.pending, names, all));
  if (!state.ended && current.startsWith('-')) {
    const equals = current.indexOf('=');
    if (!current.startsWith('--') || equals < 0) return flagNames(current, flags);
    const flag = flags.find(({ name }) => name === current.slice(2, equals));
    return flag === undefined ? NOTHING : flagValue(flag, current.slice(0, equals + 1), current.slice(equals + 1), await namesFor(flag, names, all));
  }
  return argument(command, state.words, current, all, names);
}

interface FlagState {
  /** Where the first positional word is, or the length. */
  readonly index: number;
  /** Positional words so far. */
  readonly words: readonly string[];
  /** The last word is an option that waits for its value. */
  readonly pending?: ManifestFlag;
  /** No flags can follow. */
  readonly ended: boolean;
  readonly globals: GlobalValues;
}

/** Walks over words that are all finished. */
function skipFlags(words: readonly string[], flags: readonly ManifestFlag[], stopAtFirstWord: boolean): FlagState {
  const positional: string[] = [];
  const globals: Record<string, string> = {};
  let index = 0;
  for (; index < words.length; index += 1) {
    const word = words[index] as string;
    if (word === '--') return { index: index + 1, words: [...positional, ...words.slice(index + 1)], ended: true, globals };
    if (!word.startsWith('-') || word === '-') {
      if (stopAtFirstWord) return { index, words: words.slice(index), ended: true, globals };
      positional.push(word);
      continue;
    }
    const flag = waitingFlag(word, flags);
    if (flag === undefined) {
      const [name = '', value] = word.slice(2).split('=', 2);
      if (value !== undefined && (name === 'root' || name === 'runroot')) globals[name] = value;
      continue;
    }
    if (index + 1 === words.length) return { index: index + 1, words: positional, pending: flag, ended: false, globals };
    index += 1;
    if (flag.name === 'root' || flag.name === 'runroot') globals[flag.name] = words[index] as string;
  }
  return { index, words: positional, ended: false, globals };
}

/** The option of this word whose value is the next word, if so. */
function waitingFlag(word: string, flags: readonly ManifestFlag[]): ManifestFlag | undefined {
  if (word.startsWith('--')) {
    if (word.includes('=')) return undefined;
    return flags.find((flag) => flag.type === 'option' && (flag.name === word.slice(2) || flag.aliases?.includes(word.slice(2)) === true));
  }
  for (let position = 1; position < word.length; position += 1) {
    const char = word[position] as string;
    const flag = flags.find((candidate) => candidate.char === char || candidate.charAliases?.includes(char) === true);
    if (flag === undefined) return undefined;
    if (flag.type === 'option') return position === word.length - 1 ? flag : undefined;
  }
  return undefined;
}

/** @param known names of things that it can have besides its own words */
function flagValue(flag: ManifestFlag, prefix: string, current: string, known: readonly string[] = []): Completion {
  if (flag.options !== undefined) {
    return { candidates: flag.options.filter((value) => value.startsWith(current)).map((value) => [`${prefix}${value}`] as const), then: 'end' };
  }
  const own = Object.hasOwn(FLAG_WORDS, flag.name) ? FLAG_WORDS[flag.name] : undefined;
  const words = own === undefined && known.length === 0 ? undefined : [...(own ?? []), ...known].filter((word) => word.startsWith(current));
  if (words !== undefined) return { candidates: words.map((word) => [`${prefix}${word}`] as const), then: words.length > 0 && words.every((word) => /[:=]$/.test(word)) ? 'open' : 'end' };
  return /file|dir|path|source/.test(flag.helpValue ?? '') ? FILES : NOTHING;
}

/** Names of what an option's value can be. */
async function namesFor(flag: ManifestFlag, names: Names, globals: GlobalValues): Promise<readonly string[]> {
  const kind = Object.hasOwn(FLAG_NAMES, flag.name) ? FLAG_NAMES[flag.name] : undefined;
  return kind === undefined ? [] : names[kind](globals);
}

const FLAG_NAMES: Readonly<Record<string, keyof Names>> = { network: 'networks', pod: 'pods', requires: 'containers', secret: 'secrets', 'volumes-from': 'containers' };

const SHARED = ['private', 'host', 'container:', 'ns:'];

/** Words that options of a freer form can have; after `:` something else follows. */
const FLAG_WORDS: Readonly<Record<string, readonly string[]>> = {
  cgroupns: SHARED,
  cgroups: ['enabled', 'disabled', 'no-conmon', 'split'],
  'health-on-failure': ['none', 'kill', 'restart', 'stop'],
  'image-volume': ['anonymous', 'tmpfs', 'ignore'],
  ipc: [...SHARED, 'shareable', 'none'],
  'log-driver': ['k8s-file', 'json-file', 'journald', 'none', 'passthrough'],
  network: ['pasta', 'none', 'host', 'container:', 'ns:'],
  personality: ['LINUX', 'LINUX32'],
  pid: SHARED,
  pull: ['missing', 'always', 'newer', 'never'],
  restart: ['no', 'on-failure', 'always', 'unless-stopped'],
  sdnotify: ['container', 'conmon', 'healthy', 'ignore'],
  'security-opt': ['no-new-privileges', 'seccomp=', 'mask=', 'unmask=', 'apparmor=', 'label=', 'proc-opts='],
  systemd: ['true', 'false', 'always'],
  userns: ['host', 'keep-id', 'nomap', 'auto', 'container:', 'ns:'],
  uts: SHARED,
};

function flagNames(current: string, flags: readonly ManifestFlag[]): Completion {
  const candidates: [string, string?][] = [];
  for (const flag of flags) {
    if (flag.hidden !== true && `--${flag.name}`.startsWith(current)) candidates.push([`--${flag.name}`, flag.description]);
  }
  if ('--help'.startsWith(current)) candidates.push(['--help', 'Show help']);
  return { candidates: sorted(candidates), then: 'end' };
}

function commandWords(current: string, manifest: ReadonlyMap<string, ManifestCommand>): Completion {
  const candidates: [string, string?][] = [];
  for (const spelling of allSpellings()) {
    const found = findCommand(spelling.split(' '));
    const command = found === undefined ? undefined : manifest.get(found.id);
    if (!spelling.includes(' ') && spelling.startsWith(current) && command?.hidden !== true) candidates.push([spelling, command?.summary]);
  }
  for (const noun of nouns()) if (noun.startsWith(current)) candidates.push([noun, `Commands for ${noun}s`]);
  if ('help'.startsWith(current)) candidates.push(['help', 'Show help']);
  return { candidates: sorted(candidates), then: 'end' };
}

function nounWords(noun: string, current: string, manifest: ReadonlyMap<string, ManifestCommand>): Completion {
  const candidates: [string, string?][] = [];
  for (const spelling of allSpellings()) {
    const second = spelling.startsWith(`${noun} `) ? spelling.slice(noun.length + 1) : undefined;
    if (second?.startsWith(current) !== true) continue;
    const command = manifest.get(findCommand([noun, second])?.id ?? '');
    if (command?.hidden !== true) candidates.push([second, command?.summary]);
  }
  return { candidates: sorted(candidates), then: 'end' };
}

/** A positional word, by the name of the argument it would be: CONTAINER, IMAGE, VOLUME, SECRET, NETWORK, POD; files for anything else. */
async function argument(command: ManifestCommand, words: readonly string[], current: string, globals: GlobalValues, names: Names): Promise<Completion> {
  const args = Object.values(command.args);
  const arg = args[words.length] ?? (args.at(-1)?.multiple === true ? args.at(-1) : undefined);
  if (arg === undefined) return command.strict === false ? FILES : NOTHING;
  if (arg.options !== undefined) return { candidates: arg.options.filter((value) => value.startsWith(current)).map((value) => [value] as const), then: 'end' };
  if (command.id === 'container:cp') return copyPlace(current, await names.containers(globals));
  const kind = /^(container|image|volume|secret|network|pod|list)/.exec(arg.name)?.[1]?.replace('list', 'image'); // of images
  if (kind === undefined) return /^(file|path|input|source|command|args?)/.test(arg.name) ? FILES : NOTHING;
  const found = await names[`${kind as 'container' | 'image' | 'volume' | 'secret' | 'network' | 'pod'}s`](globals);
  return { candidates: sorted(found.filter((name) => name.startsWith(current) && !words.includes(name)).map((name) => [name] as [string])), then: 'end' };
}

/** `CONTAINER:`, after which the user goes on, or a path of this machine. */
function copyPlace(current: string, containers: readonly string[]): Completion {
  const places = /[:/]/.test(current) ? [] : containers.map((name) => `${name}:`).filter((place) => place.startsWith(current));
  return places.length === 0 ? FILES : { candidates: sorted(places.map((place) => [place] as [string])), then: 'open' };
}

function sorted(candidates: [string, string?][]): [string, string?][] {
  return candidates.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
