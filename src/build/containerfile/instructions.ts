/** Statements → instructions with everything in its place, variables not yet expanded. Dockerfile reference. */
import { nearest } from '../../spec/suggestion.ts';
import { mistake, sourceText, type Position } from './source.ts';
import { readStatements, type Heredoc, type Statement } from './statements.ts';
import { jsonWords, splitWords, type Word } from './words.ts';

interface Common {
  readonly statement: Statement;
}

export interface Pair {
  readonly key: string;
  readonly value: string;
  readonly at: Position;
}

export interface From extends Common {
  readonly kind: 'FROM';
  readonly image: string;
  readonly name?: string;
  readonly platform?: string;
}

export interface Arg extends Common {
  readonly kind: 'ARG';
  readonly items: readonly { readonly name: string; readonly value?: string; readonly at: Position }[];
}

export interface EnvOrLabel extends Common {
  readonly kind: 'ENV' | 'LABEL';
  readonly pairs: readonly Pair[];
  /** `ENV key some value`, without `=`. */
  readonly legacy: boolean;
}

/** A list of words, or a line for the shell. */
export type CommandForm = { readonly exec: readonly string[] } | { readonly shell: string };

export interface Run extends Common {
  readonly kind: 'RUN';
  readonly command: CommandForm;
  readonly mounts: readonly string[];
  readonly network?: string;
  readonly security?: string;
}

/** The flags of COPY and ADD: as typed in an instruction, with the variables filled in in a step. */
export interface CopyFlags {
  readonly from?: string;
  readonly chown?: string;
  readonly chmod?: string;
  readonly link: boolean;
  readonly parents: boolean;
  readonly exclude: readonly string[];
  readonly keepGitDir: boolean;
  readonly checksum?: string;
  /** ADD --unpack; undefined: archives of the context are unpacked, downloads are not. */
  readonly unpack?: boolean;
}

export interface Copy extends Common, CopyFlags {
  readonly kind: 'COPY' | 'ADD';
  readonly sources: readonly CopySource[];
  readonly target: string;
  readonly targetAt: Position;
}

export type CopySource = { readonly path: string; readonly at: Position } | { readonly heredoc: Heredoc; readonly at: Position };

export interface Command extends Common {
  readonly kind: 'CMD' | 'ENTRYPOINT';
  readonly command: CommandForm;
}

export interface Shell extends Common {
  readonly kind: 'SHELL';
  readonly words: readonly string[];
}

export interface OneText extends Common {
  readonly kind: 'WORKDIR' | 'USER' | 'STOPSIGNAL' | 'MAINTAINER' | 'EXPOSE';
  readonly text: string;
}

export interface Volume extends Common {
  readonly kind: 'VOLUME';
  readonly paths: readonly string[];
}

export interface Healthcheck extends Common {
  readonly kind: 'HEALTHCHECK';
  /** Undefined for NONE. */
  readonly command?: CommandForm;
  readonly interval?: string;
  readonly timeout?: string;
  readonly startPeriod?: string;
  readonly startInterval?: string;
  readonly retries?: string;
}

export interface OnBuild extends Common {
  readonly kind: 'ONBUILD';
  readonly text: string;
}

export type StepInstruction = Arg | EnvOrLabel | Run | Copy | Command | Shell | OneText | Volume | Healthcheck | OnBuild;
export type Instruction = From | StepInstruction;

const KEYWORDS = ['ADD', 'ARG', 'CMD', 'COPY', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'FROM', 'HEALTHCHECK', 'LABEL', 'MAINTAINER', 'ONBUILD', 'RUN', 'SHELL', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR'] as const;

/** @throws ScullError INVALID naming the place */
export function parseInstruction(statement: Statement): Instruction {
  if (!(KEYWORDS as readonly string[]).includes(statement.keyword)) {
    const meant = nearest(statement.keyword, KEYWORDS);
    throw mistake(statement.source, statement.at, `unknown instruction ${JSON.stringify(statement.written)}`, { hint: meant === undefined ? `the instructions are ${KEYWORDS.join(', ')}` : `did you mean ${meant}?` });
  }
  if (statement.text === '') throw mistake(statement.source, statement.at, `${statement.keyword} needs an argument`);
  const reader = new Reader(statement);
  switch (statement.keyword as (typeof KEYWORDS)[number]) {
    case 'FROM':
      return parseFrom(reader);
    case 'ARG':
      return parseArg(reader);
    case 'ENV':
    case 'LABEL':
      return parsePairs(reader, statement.keyword as 'ENV' | 'LABEL');
    case 'RUN':
      return parseRun(reader);
    case 'COPY':
    case 'ADD':
      return parseCopy(reader, statement.keyword as 'COPY' | 'ADD');
    case 'CMD':
    case 'ENTRYPOINT':
      reader.flags({});
      return { kind: statement.keyword as 'CMD' | 'ENTRYPOINT', statement, command: reader.command() };
    case 'SHELL': {
      const words = jsonWords(reader.rest());
      if (words === undefined || words.length === 0) throw reader.fault('SHELL needs its words as a JSON list', 'for example SHELL ["/bin/bash", "-c"]');
      return { kind: 'SHELL', statement, words };
    }
    case 'VOLUME':
      return parseVolume(reader);
    case 'HEALTHCHECK':
      return parseHealthcheck(reader);
    case 'ONBUILD':
      return parseOnBuild(reader);
    case 'EXPOSE':
    case 'MAINTAINER':
      return { kind: statement.keyword as OneText['kind'], statement, text: statement.text };
    case 'WORKDIR':
    case 'USER':
    case 'STOPSIGNAL':
      return { kind: statement.keyword as OneText['kind'], statement, text: oneWord(reader) };
  }
}

/** WORKDIR takes the whole line, as Docker does; the others one word. */
function oneWord(reader: Reader): string {
  const { text, keyword } = reader.statement;
  if (keyword === 'WORKDIR') return text;
  const extra = reader.words()[1];
  if (extra !== undefined) throw reader.fault(`${keyword} takes one argument`, undefined, extra.offset);
  return text;
}

/** Instructions of the text of an ONBUILD trigger, which has no place in any file of the user's. @throws ScullError INVALID */
export function parseTrigger(text: string, image: string): StepInstruction {
  const { statements } = readStatements(sourceText(`ONBUILD of ${image}`, text));
  const first = statements[0];
  if (first === undefined) throw mistake(sourceText(`ONBUILD of ${image}`, text), { line: 1, column: 1 }, 'the trigger is empty');
  const instruction = parseInstruction(first);
  if (instruction.kind === 'FROM' || instruction.kind === 'ONBUILD' || instruction.kind === 'MAINTAINER') throw mistake(first.source, first.at, `${instruction.kind} is no trigger`);
  return instruction;
}

type FlagKind = 'text' | 'list' | 'boolean';
type FlagValues<F extends Readonly<Record<string, FlagKind>>> = { readonly [name in keyof F]: F[name] extends 'list' ? readonly string[] : F[name] extends 'boolean' ? boolean | undefined : string | undefined };

class Reader {
  readonly statement: Statement;
  #offset = 0;

  constructor(statement: Statement) {
    this.statement = statement;
  }

  rest(): string {
    return this.statement.text.slice(this.#offset);
  }

  words(): Word[] {
    return splitWords(this.rest(), this.statement.escape).map(({ word, offset }) => ({ word, offset: offset + this.#offset }));
  }

  fault(message: string, hint?: string, offset = this.#offset): Error {
    return mistake(this.statement.source, this.statement.positionOf(offset), message, { hint });
  }

  /** Takes the `--name=value` words at the beginning. */
  flags<F extends Readonly<Record<string, FlagKind>>>(known: F): FlagValues<F> {
    const values: Record<string, string | boolean | string[]> = {};
    for (const [name, kind] of Object.entries(known)) if (kind === 'list') values[name] = [];
    for (const { word, offset } of this.words()) {
      if (!word.startsWith('--')) break;
      if (word === '--') {
        this.#offset = offset + word.length;
        break;
      }
      this.#take(word, offset, known, values);
      this.#offset = offset + word.length;
    }
    this.#offset += this.rest().length - this.rest().trimStart().length;
    return values as FlagValues<F>;
  }

  #take(word: string, offset: number, known: Readonly<Record<string, FlagKind>>, values: Record<string, string | boolean | string[]>): void {
    const equals = word.indexOf('=');
    const name = word.slice(2, equals < 0 ? undefined : equals);
    const value = equals < 0 ? undefined : word.slice(equals + 1);
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    const { keyword } = this.statement;
    if (kind === undefined) {
      const names = Object.keys(known);
      const meant = nearest(name, names);
      const list = names.length === 0 ? `${keyword} has no flags` : `${keyword} has ${names.map((flag) => `--${flag}`).join(', ')}`;
      throw this.fault(`${keyword} has no flag --${name}`, meant === undefined ? list : `did you mean --${meant}?`, offset);
    }
    if (kind === 'boolean') {
      if (value !== undefined && value !== 'true' && value !== 'false') throw this.fault(`--${name} is true or false, not ${JSON.stringify(value)}`, undefined, offset);
      values[name] = value !== 'false';
      return;
    }
    if (value === undefined) throw this.fault(`--${name} needs a value: --${name}=…`, undefined, offset);
    if (kind === 'list') (values[name] as string[]).push(value);
    else if (values[name] !== undefined) throw this.fault(`--${name} is given twice`, undefined, offset);
    else values[name] = value;
  }

  command(): CommandForm {
    const text = this.rest();
    if (text === '') throw this.fault(`${this.statement.keyword} needs a command`);
    const words = jsonWords(text);
    return words === undefined ? { shell: text } : { exec: words };
  }
}

/** Undefined values left out, for exactOptionalPropertyTypes. */
function given<T extends Readonly<Record<string, unknown>>>(values: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { readonly [K in keyof T]?: Exclude<T[K], undefined> };
}

function parseFrom(reader: Reader): From {
  const { platform } = reader.flags({ platform: 'text' });
  const words = reader.words();
  const [image, as, name] = words;
  if (image === undefined) throw reader.fault('FROM needs an image');
  if (words.length === 1) return { kind: 'FROM', statement: reader.statement, image: image.word, ...given({ platform }) };
  if (words.length !== 3 || as?.word.toLowerCase() !== 'as' || name === undefined) throw reader.fault('FROM takes an image, or an image, AS and a name', 'for example FROM debian AS build', as?.offset);
  if (!/^[a-z][a-z0-9._-]*$/.test(name.word.toLowerCase())) {
    throw reader.fault(`invalid name for a stage ${JSON.stringify(name.word)}`, 'a name begins with a letter, and holds letters, digits, dots, hyphens and underscores', name.offset);
  }
  return { kind: 'FROM', statement: reader.statement, image: image.word, name: name.word.toLowerCase(), ...given({ platform }) };
}

function parseArg(reader: Reader): Arg {
  const items = reader.words().map(({ word, offset }) => {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) throw reader.fault(`invalid name of an argument ${JSON.stringify(name)}`, 'ARG name or ARG name=default', offset);
    return { name, at: reader.statement.positionOf(offset), ...(equals < 0 ? {} : { value: word.slice(equals + 1) }) };
  });
  return { kind: 'ARG', statement: reader.statement, items };
}

function parsePairs(reader: Reader, kind: 'ENV' | 'LABEL'): EnvOrLabel {
  const { statement } = reader;
  const words = reader.words();
  const first = words[0] as Word;
  if (!first.word.includes('=')) {
    const value = statement.text.slice(first.offset + first.word.length).trim();
    if (value === '') throw reader.fault(`${kind} needs a name and a value`, `${kind} ${first.word}=value`);
    return { kind, statement, legacy: true, pairs: [{ key: first.word, value, at: statement.positionOf(first.offset) }] };
  }
  const pairs = words.map(({ word, offset }) => {
    const equals = word.indexOf('=');
    if (equals < 0) throw reader.fault(`${JSON.stringify(word)} is no pair of a name and a value`, 'each word is name=value; a value with spaces needs quotes', offset);
    if (equals === 0) throw reader.fault(`a name is missing before "="`, undefined, offset);
    return { key: word.slice(0, equals), value: word.slice(equals + 1), at: statement.positionOf(offset) };
  });
  return { kind, statement, legacy: false, pairs };
}

function parseRun(reader: Reader): Run {
  const { mount, network, security, device } = reader.flags({ mount: 'list', network: 'text', security: 'text', device: 'list' });
  if (device.length > 0) throw reader.fault('RUN --device is not supported', 'give the device to all steps: scull build --device NAME', 0);
  return { kind: 'RUN', statement: reader.statement, command: reader.command(), mounts: mount, ...given({ network, security }) };
}

function parseCopy(reader: Reader, kind: 'COPY' | 'ADD'): Copy {
  const both = { chown: 'text', chmod: 'text', link: 'boolean', exclude: 'list', parents: 'boolean' } as const;
  const own = kind === 'COPY' ? reader.flags({ ...both, from: 'text' }) : reader.flags({ ...both, 'keep-git-dir': 'boolean', checksum: 'text', unpack: 'boolean' });
  const flags = own as FlagValues<typeof both> & { from?: string; 'keep-git-dir'?: boolean; checksum?: string; unpack?: boolean };
  const { statement } = reader;
  const json = jsonWords(reader.rest());
  const words = json?.map((word) => ({ word: quoteForExpansion(word), offset: 0 })) ?? reader.words();
  const target = words.at(-1);
  if (target === undefined || words.length < 2) throw reader.fault(`${kind} needs at least one source and a target`, `${kind} source… target`);
  const sources = words.slice(0, -1).map(({ word, offset }): CopySource => {
    const heredoc = json === undefined ? statement.heredocs.find((candidate) => candidate.word === word) : undefined;
    const at = statement.positionOf(offset);
    return heredoc === undefined ? { path: word, at } : { heredoc, at };
  });
  return {
    kind,
    statement,
    sources,
    target: target.word,
    targetAt: statement.positionOf(target.offset),
    link: flags.link ?? false,
    parents: flags.parents ?? false,
    exclude: flags.exclude,
    keepGitDir: flags['keep-git-dir'] ?? false,
    ...given({ from: flags.from, chown: flags.chown, chmod: flags.chmod, checksum: flags.checksum, unpack: flags.unpack }),
  };
}

/** A JSON word holds its quotes and spaces as they are; variables in it are expanded all the same. */
function quoteForExpansion(word: string): string {
  return word.replace(/["'\\\s]/g, (character) => (character === "'" ? `"'"` : `'${character}'`));
}

function parseVolume(reader: Reader): Volume {
  const { statement } = reader;
  const paths = jsonWords(statement.text)?.map(quoteForExpansion) ?? reader.words().map(({ word }) => word);
  if (paths.length === 0 || paths.some((path) => path.trim() === '')) throw reader.fault('VOLUME needs a path');
  return { kind: 'VOLUME', statement, paths };
}

function parseHealthcheck(reader: Reader): Healthcheck {
  const flags = reader.flags({ interval: 'text', timeout: 'text', 'start-period': 'text', 'start-interval': 'text', retries: 'text' });
  const { statement } = reader;
  const [kind, ...others] = reader.words();
  const type = kind?.word.toUpperCase();
  if (type === 'NONE') {
    if (others.length > 0) throw reader.fault('HEALTHCHECK NONE takes no arguments', undefined, others[0]?.offset);
    return { kind: 'HEALTHCHECK', statement };
  }
  if (kind === undefined || type !== 'CMD') throw reader.fault(`HEALTHCHECK takes CMD or NONE${kind === undefined ? '' : `, not ${JSON.stringify(kind.word)}`}`, 'for example HEALTHCHECK CMD curl -f http://localhost/');
  const text = statement.text.slice(kind.offset + kind.word.length).trim();
  if (text === '') throw reader.fault('HEALTHCHECK CMD needs a command');
  const words = jsonWords(text);
  return {
    kind: 'HEALTHCHECK',
    statement,
    command: words === undefined ? { shell: text } : { exec: words },
    ...given({ interval: flags.interval, timeout: flags.timeout, startPeriod: flags['start-period'], startInterval: flags['start-interval'], retries: flags.retries }),
  };
}

function parseOnBuild(reader: Reader): OnBuild {
  const { statement } = reader;
  const inner = /^\S+/.exec(statement.text)?.[0].toUpperCase() ?? '';
  if (inner === 'ONBUILD') throw reader.fault('ONBUILD in an ONBUILD is not allowed');
  if (inner === 'FROM' || inner === 'MAINTAINER') throw reader.fault(`${inner} is not allowed as a trigger of ONBUILD`);
  // What is wrong with it is said now, and not when somebody builds upon this image.
  const after = statement.text.slice(inner.length);
  const start = inner.length + after.length - after.trimStart().length;
  parseInstruction({ ...statement, keyword: inner, written: statement.text.slice(0, inner.length), text: after.trim(), at: statement.positionOf(0), positionOf: (offset) => statement.positionOf(start + offset) });
  const documents = statement.heredocs.map((heredoc) => `\n${heredoc.content}${heredoc.name}`).join('');
  return { kind: 'ONBUILD', statement, text: statement.text + documents };
}
