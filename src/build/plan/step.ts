/**
 * A stage as it is built, instruction by instruction: what is known so far goes in with the next instruction, and what is
 * to be done comes out, every variable expanded. Pure.
 */
import { posix } from 'node:path';
import type { ImageRuntimeConfig } from '../../oci/image.ts';
import { parseSignal } from '../../spec/signal.ts';
import type { CommandForm, Copy, CopyFlags, Run, StepInstruction } from '../containerfile/instructions.ts';
import { mistake, type Position } from '../containerfile/source.ts';
import type { Heredoc, Statement } from '../containerfile/statements.ts';
import { commandWords, DEFAULT_SHELL, environmentMap, exposedPorts, healthcheckConfig, resolveWorkdir, withEnvironment } from './config.ts';
import { parseRunMount, type RunMount } from './mounts.ts';
import { expandAt, expandTextAt, expandWordsAt, PROXY_ARGS, stageArgs, type GivenArgs, type Values } from './scope.ts';

export interface StageState {
  readonly config: ImageRuntimeConfig;
  readonly author?: string;
  /** Arguments declared so far; undefined for those without a value. */
  readonly args: ReadonlyMap<string, string | undefined>;
  /** True once the file itself has named a command: an ENTRYPOINT then drops the parent's CMD only. */
  readonly ownCommand: boolean;
}

/** What all stages of a build share. */
export interface BuildScope {
  readonly given: GivenArgs;
  readonly global: Values;
  readonly platform: Values;
}

export interface ConfigStep {
  readonly kind: 'config';
}

/** The directory is made where it is missing. */
export interface WorkdirStep {
  readonly kind: 'workdir';
  readonly path: string;
}

export interface RunStep {
  readonly kind: 'run';
  readonly words: readonly string[];
  /** All that the process gets from file and image, `K=V`. */
  readonly env: readonly string[];
  /** Of {@link env}, what came from arguments: part of the key, and of the history. */
  readonly args: readonly string[];
  /** Proxies given from outside: not part of either. */
  readonly proxies: readonly string[];
  readonly mounts: readonly RunMount[];
  readonly network?: 'default' | 'none' | 'host';
  readonly security?: 'sandbox' | 'insecure';
  /** A script that is mounted where `words` calls it. */
  readonly script?: { readonly target: string; readonly content: string };
}

export interface CopyStep extends CopyFlags {
  readonly kind: 'copy';
  readonly add: boolean;
  readonly sources: readonly StepSource[];
  /** Absolute; with a slash at the end where it must be a directory. */
  readonly target: string;
}

export type StepSource = { readonly path: string; readonly at: Position } | { readonly name: string; readonly content: string; readonly at: Position };

export interface Step {
  readonly statement: Statement;
  readonly work: ConfigStep | WorkdirStep | RunStep | CopyStep;
  /** What the history says of it. */
  readonly createdBy: string;
  /** What progress shows of it. */
  readonly title: string;
  readonly state: StageState;
}

/** @throws ScullError INVALID naming the place */
export function evaluate(instruction: StepInstruction, state: StageState, scope: BuildScope): Step {
  const { statement } = instruction;
  const at = statement.at;
  const env = environmentMap(state.config.Env);
  const lookup = (name: string): string | undefined => env.get(name) ?? state.args.get(name);
  const text = (word: string, place: Position = at): string => expandAt(statement, word, place, lookup);
  const wrong = (cause: unknown): Error => {
    if (!(cause instanceof RangeError)) throw cause;
    return mistake(statement.source, at, cause.message, { cause });
  };
  const done = (config: ImageRuntimeConfig, createdBy: string, more: Partial<Pick<StageState, 'args' | 'ownCommand' | 'author'>> & { readonly work?: Step['work'] } = {}): Step => {
    const { work = { kind: 'config' }, ...rest } = more;
    return { statement, work, createdBy, title: titleOf(statement), state: { ...state, ...rest, config } };
  };
  const { config } = state;
  switch (instruction.kind) {
    case 'ARG': {
      const found = stageArgs(instruction, scope.given, scope.global, scope.platform, lookup);
      const shown = [...found].map(([name, value]) => (value === undefined ? name : `${name}=${value}`));
      return done(config, `ARG ${shown.join(' ')}`, { args: new Map([...state.args, ...found]) });
    }
    case 'ENV': {
      const pairs = instruction.pairs.map((pair) => [text(pair.key, pair.at), text(pair.value, pair.at)] as const);
      return done({ ...config, Env: withEnvironment(config.Env ?? [], pairs) }, `ENV ${shownPairs(pairs)}`);
    }
    case 'LABEL': {
      const pairs = instruction.pairs.map((pair) => [text(pair.key, pair.at), text(pair.value, pair.at)] as const);
      return done({ ...config, Labels: { ...config.Labels, ...Object.fromEntries(pairs) } }, `LABEL ${shownPairs(pairs)}`);
    }
    case 'CMD':
      return done({ ...config, Cmd: commandWords(instruction.command, config.Shell ?? DEFAULT_SHELL) }, `CMD ${shownCommand(instruction.command, config)}`, { ownCommand: true });
    case 'ENTRYPOINT': {
      const { Cmd: inherited, ...rest } = config;
      const kept = state.ownCommand && inherited !== undefined ? { Cmd: inherited } : {};
      return done({ ...rest, ...kept, Entrypoint: commandWords(instruction.command, config.Shell ?? DEFAULT_SHELL) }, `ENTRYPOINT ${shownCommand(instruction.command, config)}`);
    }
    case 'SHELL':
      return done({ ...config, Shell: instruction.words }, `SHELL ${JSON.stringify(instruction.words)}`);
    case 'USER':
      return done({ ...config, User: text(instruction.text) }, `USER ${text(instruction.text)}`);
    case 'STOPSIGNAL': {
      const signal = text(instruction.text);
      try {
        parseSignal(signal);
      } catch (cause) {
        throw mistake(statement.source, statement.positionOf(0), `${JSON.stringify(signal)} is no signal`, { hint: 'for example SIGTERM or 15', cause });
      }
      return done({ ...config, StopSignal: signal }, `STOPSIGNAL ${signal}`);
    }
    case 'MAINTAINER':
      return done(config, `MAINTAINER ${instruction.text}`, { author: instruction.text });
    case 'EXPOSE': {
      const words = expandWordsAt(statement, instruction.text, statement.positionOf(0), lookup);
      try {
        return done({ ...config, ExposedPorts: { ...config.ExposedPorts, ...Object.fromEntries(exposedPorts(words).map((port) => [port, {}])) } }, `EXPOSE ${JSON.stringify(words).replace(/[",]/g, ' ').replace(/\s+/g, ' ')}`);
      } catch (cause) {
        throw wrong(cause);
      }
    }
    case 'VOLUME': {
      const paths = instruction.paths.map((path) => text(path));
      return done({ ...config, Volumes: { ...config.Volumes, ...Object.fromEntries(paths.map((path) => [path, {}])) } }, `VOLUME [${paths.join(' ')}]`);
    }
    case 'WORKDIR': {
      const path = resolveWorkdir(config.WorkingDir, text(instruction.text));
      return done({ ...config, WorkingDir: path }, `WORKDIR ${path}`, { work: { kind: 'workdir', path } });
    }
    case 'HEALTHCHECK':
      try {
        const check = healthcheckConfig(instruction, config.Shell ?? DEFAULT_SHELL);
        return done({ ...config, Healthcheck: check }, `HEALTHCHECK ${JSON.stringify(check)}`);
      } catch (cause) {
        throw wrong(cause);
      }
    case 'ONBUILD':
      return done({ ...config, OnBuild: [...(config.OnBuild ?? []), instruction.text] }, `ONBUILD ${instruction.text}`);
    case 'RUN':
      try {
        return runStep(instruction, state, scope, env);
      } catch (cause) {
        throw wrong(cause);
      }
    case 'COPY':
    case 'ADD':
      return copyStep(instruction, state, text, lookup);
  }
}

function titleOf(statement: Statement): string {
  const documents = statement.heredocs.length === 0 ? '' : ` (${statement.heredocs.map(({ content }) => content.trim().split('\n', 1)[0] ?? '').join(', ')}…)`;
  return `${statement.keyword} ${statement.text.replace(/\s+/g, ' ')}${documents}`;
}

function shownPairs(pairs: readonly (readonly [string, string])[]): string {
  return pairs.map(([key, value]) => `${key}=${value}`).join(' ');
}

function shownCommand(command: CommandForm, config: ImageRuntimeConfig): string {
  return JSON.stringify(commandWords(command, config.Shell ?? DEFAULT_SHELL)).replaceAll('","', '" "');
}

const SCRIPTS = '/dev/pipes';

function runStep(instruction: Run, state: StageState, scope: BuildScope, environment: ReadonlyMap<string, string>): Step {
  const { statement } = instruction;
  const { config } = state;
  const lookup = (name: string): string | undefined => environment.get(name) ?? state.args.get(name);
  const flag = (value: string): string => expandAt(statement, value, statement.positionOf(0), lookup);
  const shell = config.Shell ?? DEFAULT_SHELL;
  const { words, script } = runCommand(instruction, shell);
  const args = [...state.args].flatMap(([name, value]) => (value === undefined || environment.has(name) ? [] : [`${name}=${value}`]));
  const proxies = PROXY_ARGS.flatMap((name) => {
    const value = scope.given.values.get(name);
    if (value === undefined) return [];
    scope.given.used.add(name);
    return state.args.has(name) || environment.has(name) ? [] : [`${name}=${value}`];
  });
  const workdir = config.WorkingDir ?? '/';
  let agents = 0;
  const mounts = instruction.mounts.map((mount) => parseRunMount(flag(mount), workdir, /type=ssh/.test(mount) ? agents++ : 0));
  const work: RunStep = {
    kind: 'run',
    words,
    env: [...(config.Env ?? []), ...args],
    args,
    proxies,
    mounts,
    ...(script === undefined ? {} : { script }),
    ...oneOf(instruction.network === undefined ? undefined : flag(instruction.network), 'network', ['default', 'none', 'host'] as const),
    ...oneOf(instruction.security === undefined ? undefined : flag(instruction.security), 'security', ['sandbox', 'insecure'] as const),
  };
  const shownArgs = args.length === 0 ? '' : `|${args.length} ${args.join(' ')} `;
  return { statement, work, createdBy: `RUN ${shownArgs}${words.join(' ')}`, title: titleOf(statement), state };
}

function oneOf<K extends string, V extends string>(value: string | undefined, key: K, allowed: readonly V[]): { readonly [name in K]?: V } {
  if (value === undefined) return {};
  if (!(allowed as readonly string[]).includes(value)) throw new RangeError(`--${key} is ${allowed.join(', ')}, not ${JSON.stringify(value)}`);
  return { [key]: value } as { readonly [name in K]?: V };
}

/** "RUN with here-documents": a document alone is the script itself; beside a command it is the shell's business. */
function runCommand({ command, statement }: Run, shell: readonly string[]): { words: string[]; script?: { target: string; content: string } } {
  const [first] = statement.heredocs;
  if (first === undefined || 'exec' in command) return { words: commandWords(command, shell) };
  if (command.shell === first.word) {
    if (!first.content.startsWith('#!')) return { words: [...shell, first.content] };
    const target = `${SCRIPTS}/${first.name.replace(/[^\w.-]/g, '_')}`;
    return { words: [target], script: { target, content: first.content } };
  }
  const documents = statement.heredocs.map((heredoc) => `\n${heredoc.content}${heredoc.name}`).join('');
  return { words: [...shell, command.shell + documents] };
}

function copyStep(instruction: Copy, state: StageState, text: (word: string, at?: Position) => string, lookup: (name: string) => string | undefined): Step {
  const { statement, kind } = instruction;
  const sources = instruction.sources.map((source): StepSource => {
    if ('path' in source) return { path: text(source.path, source.at), at: source.at };
    const { heredoc } = source;
    const content = heredoc.expand ? expandTextAt(statement, heredoc.content, source.at, lookup) : heredoc.content;
    return { name: heredocFileName(heredoc), content, at: source.at };
  });
  const typed = text(instruction.target, instruction.targetAt);
  if (typed === '') throw mistake(statement.source, instruction.targetAt, `${kind} has an empty target`);
  const isDirectory = /\/\.?$/.test(typed) || typed === '.' || typed === '..' || typed.endsWith('/..');
  if (sources.length > 1 && !isDirectory) {
    throw mistake(statement.source, instruction.targetAt, `${kind} of several sources needs a directory as its target`, { hint: `end it with a slash: ${typed}/` });
  }
  const path = resolveWorkdir(state.config.WorkingDir, typed);
  const flag = (value: string | undefined): string | undefined => (value === undefined ? undefined : text(value));
  const chmod = flag(instruction.chmod);
  if (chmod !== undefined && !/^[0-7]{1,5}$/.test(chmod) && !isSymbolicMode(chmod)) throw mistake(statement.source, statement.positionOf(0), `invalid --chmod ${JSON.stringify(chmod)}`, { hint: 'it is an octal number such as 0755, or u=rwx,go=rx' });
  const from = flag(instruction.from);
  const work: CopyStep = {
    kind: 'copy',
    add: kind === 'ADD',
    sources,
    target: isDirectory && path !== '/' ? `${path}/` : path,
    link: instruction.link,
    parents: instruction.parents,
    exclude: instruction.exclude.map((pattern) => text(pattern)),
    keepGitDir: instruction.keepGitDir,
    ...definedOnly({ from, chown: flag(instruction.chown), chmod, checksum: flag(instruction.checksum), unpack: instruction.unpack }),
  };
  const names = sources.map((source) => ('path' in source ? source.path : source.name));
  const flags = [from === undefined ? '' : `--from=${from} `, work.chown === undefined ? '' : `--chown=${work.chown} `, chmod === undefined ? '' : `--chmod=${chmod} `, work.link ? '--link ' : ''].join('');
  return { statement, work, createdBy: `${kind} ${flags}${names.join(' ')} ${typed}`, title: titleOf(statement), state };
}

/** chmod(1): `u=rwx,go=rX`, also `+x`. */
export function isSymbolicMode(text: string): boolean {
  return /^[ugoa]*(?:[-+=][rwxXst]*)+(?:,[ugoa]*(?:[-+=][rwxXst]*)+)*$/.test(text);
}

/** The name of a here-document is the name of its file. */
function heredocFileName(heredoc: Heredoc): string {
  return posix.basename(heredoc.name);
}

function definedOnly<T extends Readonly<Record<string, unknown>>>(values: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { readonly [K in keyof T]?: Exclude<T[K], undefined> };
}
