/**
 * The base of every command. A command declares its flags and arguments with oclif's `Flags` and `Args` (help,
 * completion and the manifest come from them), parses with {@link ScullCommand.parse}, makes one engine call and hands
 * the answer to one presenter:
 *
 *     export default class Rename extends ScullCommand {
 *       static override summary = 'Give a container another name';
 *       static override args = { container: Args.string({ required: true }), name: Args.string({ required: true }) };
 *       async run(): Promise<void> {
 *         const { args } = await this.parse(Rename);
 *         const { renameContainer } = await import('../../engine/containers/rename.ts');
 *         await renameContainer(await this.engine(), args.container, args.name);
 *       }
 *     }
 *
 * The words that lead to a command are in command-table.ts. `run` resolves to the exit status (nothing means 0); what
 * fails is thrown, see errors.ts.
 */
import { Command } from '@oclif/core/command';
import type { Config } from '@oclif/core/config';
import type { Input, ParserOutput } from '@oclif/core/interfaces';
import type { Engine } from '../engine/engine.ts';
import { isScullError, ScullError } from '../host/errors.ts';
import type { Progress } from '../host/progress.ts';
import { escapeControlLines } from './escape.ts';
import { globalFlags, logLevelOf, type LogLevel, type LogLevelWord } from './flags/global.ts';
import { latestFlag } from './flags/latest.ts';
import { isTerminal, writeErr, writeOut } from './output.ts';
import { resolveWords, scanWords, type Declarations, type FlagToken, type Scanned } from './parse.ts';
import { noteInSystemLog, wantSystemLog } from './system-log.ts';
import { lazyProgress, type ProgressMode } from './progress.ts';

/** Values of the global flags, from before the command's name and from after it (the latter win). */
export interface GlobalValues {
  readonly root?: string;
  readonly runroot?: string;
  readonly tmpdir?: string;
  readonly 'storage-driver'?: 'auto' | 'overlay' | 'fuse-overlayfs' | 'vfs';
  readonly 'cgroup-manager'?: 'systemd' | 'cgroupfs';
  readonly 'log-level'?: LogLevelWord;
  readonly syslog?: boolean;
  readonly debug?: boolean;
}

/** oclif's own shapes of parsed values, which it does not export. */
type Output = Record<string, any>;

/** What the dispatcher tells a command; it stands where oclif has its Config, which is too heavy to load for a start. */
export interface CommandContext {
  readonly bin: string;
  readonly version: string;
  /** The command as the user typed it, e.g. `run` or `container run`. */
  readonly typed: string;
  readonly globals: GlobalValues;
}

/** `--help` was found: the dispatcher shows the help of the command and ends with 0. */
export class HelpRequested extends Error {
  constructor() {
    super('help requested');
    this.name = 'HelpRequested';
  }
}

export abstract class ScullCommand extends Command {
  static override baseFlags = globalFlags;
  /** The first positional word ends the flags: what follows belongs to the container's command, unchanged. */
  static stopAtFirstWord = false;

  /** Flags in the order they were typed, after {@link parse}: for what depends on the order of different flags. */
  protected tokens: readonly FlagToken[] = [];
  private values: GlobalValues;
  protected readonly typed: string;

  constructor(argv: string[], context: CommandContext) {
    super(argv, context as unknown as Config);
    this.typed = context.typed;
    this.values = context.globals;
  }

  /** @returns the exit status; nothing means 0. */
  abstract override run(): Promise<number | void>;

  /** Runs the command and resolves to its exit status. For the dispatcher. */
  async execute(): Promise<number> {
    return (await this.run()) ?? 0;
  }

  /**
   * Parses the command line with pflag's rules (see parse.ts) over the class's declarations.
   * `argv` of the result are the positional words, in order and unchanged.
   * @throws ScullError USAGE, HelpRequested
   */
  protected override async parse<F extends Output, B extends Output, A extends Output>(
    options?: Input<F, B, A>,
    argv: string[] = this.argv,
  ): Promise<ParserOutput<F, B, A>> {
    const declared = (options ?? this.ctor) as unknown as Partial<Declarations> & { readonly baseFlags?: Declarations['flags'] };
    const declarations: Declarations = {
      flags: { ...declared.baseFlags, ...declared.flags },
      args: declared.args ?? {},
      strict: declared.strict ?? true,
      stopAtFirstWord: (this.ctor as unknown as typeof ScullCommand).stopAtFirstWord,
    };
    const typed = scanWords(argv, declarations);
    if (typed.help) throw new HelpRequested();
    const scanned = declarations.flags['latest'] === latestFlag ? await this.withLatest(typed, declarations) : typed;
    const parsed = await resolveWords(scanned, declarations, this);
    this.tokens = parsed.tokens;
    this.values = { ...this.values, ...(parsed.flags as GlobalValues) };
    if (this.values.syslog === true) await wantSystemLog();
    this.parsed = true;
    return { ...parsed, raw: [], metadata: { flags: {} }, nonExistentFlags: [] } as unknown as ParserOutput<F, B, A>;
  }

  /** With --latest the name that stands before all other words. */
  private async withLatest(typed: Scanned, { args }: Declarations): Promise<Scanned> {
    if (typed.tokens.findLast(({ name }) => name === 'latest')?.value !== true) return typed;
    if (typed.words.length > 0 && Object.keys(args).length === 1) this.usage('--latest takes no names of containers');
    // The store to look in may be among the flags.
    const globals: Scanned = { ...typed, tokens: typed.tokens.filter(({ name }) => name in globalFlags), words: [] };
    this.values = { ...this.values, ...((await resolveWords(globals, { flags: globalFlags, args: {}, strict: true, stopAtFirstWord: false }, this)).flags as GlobalValues) };
    const { newestContainer } = await import('../engine/containers/selection.ts');
    return { ...typed, words: [newestContainer(await this.engine()), ...typed.words] };
  }

  /** How much to say on standard error. */
  get logLevel(): LogLevel {
    return this.values.debug === true ? 'debug' : logLevelOf(this.values['log-level'] ?? 'warn');
  }

  /**
   * Opens the engine on the store that the global flags name. Progress is shown on standard error unless given.
   * @param options.quiet warnings only
   * @param options.show how to show it
   */
  protected async engine(options: { readonly progress?: Progress; readonly quiet?: boolean; readonly show?: ProgressMode | undefined } = {}): Promise<Engine> {
    const { openEngine } = await import('../engine/engine.ts');
    const manager = this.values['cgroup-manager'];
    if (manager !== undefined) (await import('../runtime/cgroups.ts')).chooseCgroupManager(manager);
    return openEngine({
      root: this.values.root,
      runRoot: this.values.runroot ?? this.values.tmpdir,
      storageDriver: this.values['storage-driver'],
      progress: options.progress ?? (options.quiet === true ? this.showMessages : lazyProgress(this.showMessages, options.show)),
    });
  }

  /** Messages to standard error as far as --log-level wants them, nothing else. */
  protected readonly showMessages: Progress = (event) => {
    if (event.kind !== 'message') return;
    if (event.level === 'warning') this.warn(event.text);
    else if (this.logLevel === 'info' || this.logLevel === 'debug') writeErr(`${escapeControlLines(event.text)}\n`);
  };

  /** Writes to standard output as it is: the caller escapes what came from outside, or passes bytes meant for a pipe. */
  protected print(data: string | Uint8Array): void {
    writeOut(data);
  }

  protected printLine(text = ''): void {
    writeOut(`${text}\n`);
  }

  /** oclif's name for {@link printLine}. */
  override log(message = ''): void {
    this.printLine(message);
  }

  override warn(input: Error | string): Error | string {
    if (this.logLevel === 'error') return input;
    const text = escapeControlLines(typeof input === 'string' ? input : input.message);
    writeErr(`Warning: ${text}\n`);
    void noteInSystemLog('warning', text);
    return input;
  }

  /** True if standard output (or the given descriptor) is a terminal. */
  protected isTerminal(fd: 0 | 1 | 2 = 1): Promise<boolean> {
    return isTerminal(fd);
  }

  /** A mistake on the command line; the error ends with a pointer to this command's help. */
  protected usage(message: string, hint?: string): never {
    throw new ScullError('USAGE', message, { hint });
  }

  /**
   * Does `action` for each name, in order, going on after failures as `rm A B C` must: each failure is printed at once.
   * @returns the exit status: 0, or that of the last failure
   */
  protected async forEachName(names: readonly string[], action: (name: string) => Promise<void> | void): Promise<number> {
    let status = 0;
    for (const name of names) {
      try {
        await action(name);
      } catch (error) {
        if (!isScullError(error)) throw error;
        status = await this.report(error);
      }
    }
    return status;
  }

  /** Prints an error the way a failing command would, and goes on. @returns its exit status */
  protected async report(error: unknown): Promise<number> {
    const { renderError } = await import('./errors.ts');
    const rendered = renderError(error, { command: this.typed, colour: await isTerminal(2), debug: this.logLevel === 'debug' });
    writeErr(rendered.text);
    await noteInSystemLog('err', rendered.message);
    return rendered.status;
  }

  /** Each of them, in order. @returns the exit status: 0, or that of the last */
  protected async reportAll(errors: readonly unknown[]): Promise<number> {
    let status = 0;
    for (const error of errors) status = await this.report(error);
    return status;
  }
}
