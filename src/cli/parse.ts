/**
 * The command line as Docker and Podman users type it: the semantics of Go's pflag over oclif's declarations of flags
 * and arguments. Declarations stay the one description (help, completion, manifest); oclif's own parser is not used
 * because it drops `--`, sorts repeated words, takes `--rm=false` for true, and refuses `run IMAGE ls -l`.
 *
 * What holds: `--flag value`, `--flag=value`, `-f value`, `-fvalue`, `-f=value`, combined `-it`, booleans with an
 * optional value after `=` only, the last of a repeated single flag wins, `multiple` flags collect in order, `--` ends
 * the flags and is dropped, and with `stopAtFirstWord` the first positional word ends them too and everything after it
 * is left as it is.
 */
import type { Command } from '@oclif/core/command';
import { isScullError, ScullError } from '../host/errors.ts';

/** The parts of oclif's flag declarations that are honoured. */
export interface FlagDeclaration {
  readonly type: 'boolean' | 'option';
  readonly char?: string;
  readonly aliases?: readonly string[];
  readonly charAliases?: readonly string[];
  readonly multiple?: boolean;
  readonly allowNo?: boolean;
  readonly options?: readonly string[];
  readonly required?: boolean;
  readonly exclusive?: readonly string[];
  readonly dependsOn?: readonly string[];
  readonly default?: unknown;
  readonly delimiter?: string;
  /** Value of an option given without one (`--flag` alone); then a value must follow an `=`. Ours, not oclif's. */
  readonly valueIfBare?: string;
  readonly parse?: (input: never, context: never, options: never) => Promise<unknown>;
}

export interface ArgDeclaration {
  readonly required?: boolean;
  readonly multiple?: boolean;
  readonly options?: readonly string[];
  readonly default?: unknown;
  readonly parse?: (input: never, context: never, options: never) => Promise<unknown>;
}

export interface Declarations {
  readonly flags: Readonly<Record<string, FlagDeclaration>>;
  readonly args: Readonly<Record<string, ArgDeclaration>>;
  /** False allows more words than args are declared. */
  readonly strict: boolean;
  readonly stopAtFirstWord: boolean;
}

/** One flag as it was typed, in order. */
export interface FlagToken {
  readonly name: string;
  readonly value: string | boolean;
}

export interface Scanned {
  readonly tokens: readonly FlagToken[];
  /** Positional words, in order, unchanged. */
  readonly words: readonly string[];
  /** --help, or -h where the command has no -h of its own, came before anything that ends the flags. */
  readonly help: boolean;
}

export interface Parsed {
  readonly flags: Record<string, unknown>;
  readonly args: Record<string, unknown>;
  readonly argv: string[];
  readonly tokens: readonly FlagToken[];
}

/** Splits words into flags and positional words; looks at no value. @throws ScullError USAGE */
export function scanWords(input: readonly string[], declarations: Pick<Declarations, 'flags' | 'stopAtFirstWord'>): Scanned {
  const table = flagTable(declarations.flags);
  const tokens: FlagToken[] = [];
  const words: string[] = [];
  let index = 0;
  const next = (shown: string): string => {
    const value = input[index + 1];
    if (value === undefined) throw new ScullError('USAGE', `flag needs an argument: ${shown}`);
    index += 1;
    return value;
  };
  for (; index < input.length; index += 1) {
    const word = input[index] as string;
    if (word === '--') {
      words.push(...input.slice(index + 1));
      break;
    }
    if (word.length < 2 || !word.startsWith('-')) {
      if (declarations.stopAtFirstWord) {
        words.push(...input.slice(index));
        break;
      }
      words.push(word);
      continue;
    }
    const found = word.startsWith('--') ? scanLong(word, table, next) : scanShort(word, table, next);
    if (found === 'help') return { tokens, words, help: true };
    tokens.push(...found);
  }
  return { tokens, words, help: false };
}

interface FlagTable {
  readonly long: ReadonlyMap<string, Entry>;
  readonly short: ReadonlyMap<string, Entry>;
}

interface Entry {
  readonly name: string;
  readonly flag: FlagDeclaration;
  /** What `--no-x` means. */
  readonly negated?: boolean;
}

function flagTable(flags: Readonly<Record<string, FlagDeclaration>>): FlagTable {
  const long = new Map<string, Entry>();
  const short = new Map<string, Entry>();
  for (const name in flags) {
    const flag = flags[name] as FlagDeclaration;
    const entry = { name, flag };
    long.set(name, entry);
    if (flag.char !== undefined) short.set(flag.char, entry);
    for (const alias of flag.aliases ?? []) (alias.length === 1 ? short : long).set(alias, entry);
    for (const alias of flag.charAliases ?? []) short.set(alias, entry);
    if (flag.allowNo === true) long.set(`no-${name}`, { name, flag, negated: true });
  }
  return { long, short };
}

function scanLong(word: string, table: FlagTable, next: (shown: string) => string): FlagToken[] | 'help' {
  const equals = word.indexOf('=');
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const given = equals < 0 ? undefined : word.slice(equals + 1);
  const entry = table.long.get(name);
  if (entry === undefined) {
    if (name === 'help') return 'help';
    if (name === '' || name.startsWith('-')) throw new ScullError('USAGE', `bad flag syntax: ${word}`);
    throw new ScullError('USAGE', `unknown flag: --${name}`, suggestion(name, [...table.long.keys()]));
  }
  if (entry.flag.type === 'boolean') {
    const value = given === undefined ? true : parseBoolean(given, `--${name}`);
    return [{ name: entry.name, value: entry.negated === true ? !value : value }];
  }
  if (given !== undefined) return [{ name: entry.name, value: given }];
  return [{ name: entry.name, value: entry.flag.valueIfBare ?? next(`--${name}`) }];
}

function scanShort(word: string, table: FlagTable, next: (shown: string) => string): FlagToken[] | 'help' {
  const found: FlagToken[] = [];
  for (let rest = word.slice(1); rest !== ''; ) {
    const char = rest[0] as string;
    const after = rest.slice(1);
    const entry = table.short.get(char);
    if (entry === undefined) {
      if (char === 'h') return 'help';
      throw new ScullError('USAGE', `unknown shorthand flag: '${char}' in ${word}`);
    }
    if (after.startsWith('=')) {
      const value = after.slice(1);
      found.push({ name: entry.name, value: entry.flag.type === 'boolean' ? parseBoolean(value, `-${char}`) : value });
      return found;
    }
    if (entry.flag.type === 'boolean' || entry.flag.valueIfBare !== undefined) {
      found.push({ name: entry.name, value: entry.flag.type === 'boolean' ? true : (entry.flag.valueIfBare as string) });
      rest = after;
      continue;
    }
    found.push({ name: entry.name, value: after === '' ? next(`'${char}' in ${word}`) : after });
    return found;
  }
  return found;
}

/** What Go's strconv.ParseBool takes. */
function parseBoolean(text: string, shown: string): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  throw new ScullError('USAGE', `invalid argument "${text}" for "${shown}" flag: it is true or false`);
}

/**
 * Values of flags and arguments, with their declared defaults and checks.
 * @param context the command, handed to the declarations' own parse functions
 * @throws ScullError USAGE; what a declaration's parse function throws, with the flag's name before it
 */
export async function resolveWords(scanned: Scanned, declarations: Declarations, context: Command | undefined): Promise<Parsed> {
  const flags: Record<string, unknown> = {};
  for (const token of scanned.tokens) {
    const flag = declarations.flags[token.name] as FlagDeclaration;
    if (flag.multiple === true) {
      const list = (flags[token.name] ??= []) as unknown[];
      const pieces = flag.delimiter === undefined ? [token.value] : String(token.value).split(flag.delimiter);
      for (const piece of pieces) list.push(await convertFlag(token.name, flag, piece, context));
    } else {
      flags[token.name] = await convertFlag(token.name, flag, token.value, context);
    }
  }
  for (const name in declarations.flags) {
    const flag = declarations.flags[name] as FlagDeclaration;
    if (name in flags) checkRelations(name, flag, flags);
    else if (flag.required === true) throw new ScullError('USAGE', `the flag ${shownFlag(name, flag)} is required`);
    else if (flag.default !== undefined) flags[name] = await defaultOf(flag, flags);
  }
  const args = await resolveArgs(scanned.words, declarations, context);
  return { flags, args, argv: [...scanned.words], tokens: scanned.tokens };
}

async function convertFlag(name: string, flag: FlagDeclaration, value: string | boolean, context: Command | undefined): Promise<unknown> {
  if (flag.options !== undefined && !flag.options.includes(String(value))) {
    throw new ScullError('USAGE', `invalid argument "${String(value)}" for "${shownFlag(name, flag)}" flag: it is one of ${flag.options.join(', ')}`);
  }
  if (flag.parse === undefined) return value;
  try {
    return await flag.parse(value as never, context as never, flag as never);
  } catch (error) {
    if (isScullError(error, 'UNSUPPORTED')) throw error;
    if (isScullError(error)) {
      throw new ScullError(error.code, `${shownFlag(name, flag)}: ${error.message}`, { hint: error.hint, detail: error.detail, cause: error.cause });
    }
    if (!isUserMistake(error)) throw error;
    throw new ScullError('USAGE', `invalid argument "${String(value)}" for "${shownFlag(name, flag)}" flag: ${lowerFirst(error.message)}`);
  }
}

/** oclif's own parsers (integer, file …) throw CLIError or plain Error for what the user typed; anything else is a bug. */
function isUserMistake(error: unknown): error is Error {
  return error instanceof Error && ('oclif' in error || error.constructor === Error);
}

function checkRelations(name: string, flag: FlagDeclaration, flags: Record<string, unknown>): void {
  for (const other of flag.exclusive ?? []) {
    if (other in flags && flags[name] !== false && flags[other] !== false) throw new ScullError('USAGE', `--${name} and --${other} cannot be used together`);
  }
  for (const other of flag.dependsOn ?? []) {
    if (!(other in flags)) throw new ScullError('USAGE', `--${name} needs --${other}`);
  }
}

async function defaultOf(flag: FlagDeclaration, flags: Record<string, unknown>): Promise<unknown> {
  if (typeof flag.default !== 'function') return flag.default;
  return (await flag.default({ options: flag, flags })) as unknown;
}

async function resolveArgs(words: readonly string[], declarations: Declarations, context: Command | undefined): Promise<Record<string, unknown>> {
  const names = Object.keys(declarations.args);
  const args: Record<string, unknown> = {};
  let used = 0;
  for (const [position, name] of names.entries()) {
    const arg = declarations.args[name] as ArgDeclaration;
    // A variadic argument leaves one word for each declared after it.
    const count = arg.multiple === true ? Math.max(0, words.length - used - (names.length - position - 1)) : 1;
    const mine = words.slice(used, used + count);
    used += mine.length;
    if (mine.length === 0) {
      if (arg.required === true) throw new ScullError('USAGE', `${name.toUpperCase()} is missing`);
      if (arg.default !== undefined) args[name] = arg.default;
      continue;
    }
    const values: unknown[] = [];
    for (const word of mine) values.push(await convertArg(name, arg, word, context));
    args[name] = arg.multiple === true ? values : values[0];
  }
  const extra = words[used];
  if (declarations.strict && extra !== undefined) throw new ScullError('USAGE', `unexpected argument "${extra}"${names.length === 0 ? ': this command takes none' : ''}`);
  return args;
}

async function convertArg(name: string, arg: ArgDeclaration, word: string, context: Command | undefined): Promise<unknown> {
  if (arg.options !== undefined && !arg.options.includes(word)) {
    throw new ScullError('USAGE', `invalid ${name.toUpperCase()} "${word}": it is one of ${arg.options.join(', ')}`);
  }
  if (arg.parse === undefined) return word;
  try {
    return await arg.parse(word as never, context as never, arg as never);
  } catch (error) {
    if (isScullError(error) || !isUserMistake(error)) throw error;
    throw new ScullError('USAGE', `invalid ${name.toUpperCase()} "${word}": ${lowerFirst(error.message)}`);
  }
}

/** `-p, --publish` */
function shownFlag(name: string, flag: FlagDeclaration): string {
  return flag.char === undefined ? `--${name}` : `-${flag.char}, --${name}`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function suggestion(name: string, known: readonly string[]): { hint?: string } {
  const near = nearest(name, known);
  return near === undefined ? {} : { hint: `did you mean --${near}?` };
}

/** The known word at an edit distance of at most two (one for short words), or undefined. Swapped neighbours count one. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = word.length < 5 ? 2 : 3;
  for (const candidate of known) {
    const distance = editDistance(word, candidate, bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min((previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, (previous[column - 1] ?? 0) + (same ? 0 : 1));
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) cost = Math.min(cost, (before[column - 2] ?? 0) + 1);
      current.push(cost);
    }
    before = previous;
    previous = current;
  }
  return previous[b.length] ?? limit;
}
