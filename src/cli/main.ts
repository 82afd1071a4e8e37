/**
 * From words to an exit status. Loads the one command that the words name; help, suggestions and completion, and with
 * them the rest of oclif, only when they are asked for.
 */
import { ClosedOutputError, isScullError, ScullError } from '../host/errors.ts';
import { VERSION } from '../host/version.ts';
import { findCommand, nouns, type Found } from './command-table.ts';
import type { CommandContext, GlobalValues } from './command.ts';
import { isTerminal, writeErr, writeOut } from './output.ts';
import { noteInSystemLog } from './system-log.ts';

/** @param words what was typed after the program's name. @returns the exit status; never throws. */
export async function main(words: string[]): Promise<number> {
  let command: string | undefined;
  let debug = false;
  try {
    if (words[0] === '__worker') {
      const { runWorker } = await import('./workers.ts');
      return await runWorker(words[1], words.slice(2));
    }
    if (words[0] === '__complete') {
      const { complete } = await import('./complete.ts');
      return await complete(words.slice(1));
    }
    command = '';
    const before = await readGlobals(words);
    debug = before.globals.debug === true || ['debug', 'trace'].includes(before.globals['log-level'] ?? '');
    if (before.version) {
      writeOut(`scull version ${VERSION}\n`);
      return 0;
    }
    if (before.help) return await showHelp(before.rest);
    const found = findCommand(before.rest);
    if (found === undefined) return await withoutCommand(before.rest);
    command = found.typed;
    return await runCommand(found, before.rest.slice(found.count), before.globals, (value) => {
      debug = value;
    });
  } catch (error) {
    if (error instanceof ClosedOutputError) return error.status;
    const { renderError } = await import('./errors.ts');
    const rendered = renderError(error, { command, debug, colour: await isTerminal(2) });
    writeErr(rendered.text);
    await noteInSystemLog('err', rendered.message);
    return rendered.status;
  }
}

async function runCommand(found: Found, words: string[], globals: GlobalValues, noteDebug: (debug: boolean) => void): Promise<number> {
  const { default: CommandClass } = await found.load();
  CommandClass.id = found.id.replaceAll(' ', ':');
  const context: CommandContext = { bin: 'scull', version: VERSION, typed: found.typed, globals };
  const command = new CommandClass(words, context);
  try {
    return await command.execute();
  } catch (error) {
    noteDebug(command.logLevel === 'debug');
    if ((error as Error | undefined)?.name === 'HelpRequested') return showHelp(found.typed.split(' '));
    throw error;
  }
}

interface BeforeCommand {
  readonly globals: GlobalValues;
  readonly rest: string[];
  readonly version: boolean;
  readonly help: boolean;
}

/** The flags before the command's name: `scull --root X ps`. */
async function readGlobals(words: string[]): Promise<BeforeCommand> {
  if (words[0]?.startsWith('-') !== true) return { globals: {}, rest: words, version: false, help: false };
  const [{ globalFlags, refusedGlobalFlags }, { resolveWords, scanWords }] = await Promise.all([import('./flags/global.ts'), import('./parse.ts')]);
  const declarations = {
    flags: { ...globalFlags, ...refusedGlobalFlags, version: { type: 'boolean', char: 'v' } as const },
    args: {},
    strict: false,
    stopAtFirstWord: true,
  };
  const scanned = scanWords(words, declarations);
  if (scanned.help) {
    // `scull --help run` means the help of run.
    const after = words.slice(words.findIndex((word) => word === '--help' || word === '-h') + 1);
    const end = after.findIndex((word) => word.startsWith('-'));
    return { globals: {}, rest: end < 0 ? after : after.slice(0, end), version: false, help: true };
  }
  const { flags, argv } = await resolveWords(scanned, declarations, undefined);
  const { version, ...globals } = flags;
  return { globals: globals as GlobalValues, rest: argv, version: version === true, help: false };
}

/** No command has these words: the overview, a noun's commands, `help`, or an error with the nearest command's name. */
async function withoutCommand(words: string[]): Promise<number> {
  const [first, second] = words;
  if (first === undefined) return showHelp([]);
  if (first === 'help') return showHelp(words.slice(1));
  const noun = nouns().includes(first) ? first : undefined;
  if (noun !== undefined && (second === undefined || second === '--help' || second === '-h')) return showHelp([noun]);
  if (noun !== undefined && second?.startsWith('-') === true) throw new ScullError('USAGE', `unknown flag: ${second}`);
  const { didYouMean } = await import('./suggest.ts');
  const typed = noun === undefined ? first : `${noun} ${second}`;
  throw new ScullError('USAGE', `unknown command "${typed}"`, { hint: didYouMean(typed) });
}

async function showHelp(words: string[]): Promise<number> {
  const { helpText } = await import('./help.ts');
  const text = await helpText(words);
  if (text === undefined) {
    const { didYouMean } = await import('./suggest.ts');
    throw new ScullError('USAGE', `unknown command "${words.join(' ')}"`, { hint: didYouMean(words.join(' ')) });
  }
  writeOut(text);
  return 0;
}

/**
 * The whole life of the process: runs the words and exits. Errors that escape every promise chain (an event emitter
 * without a listener) end here too, as bugs of ours.
 */
export async function runProcess(words: string[]): Promise<never> {
  const escaped = async (error: unknown): Promise<never> => {
    const { renderError } = await import('./errors.ts');
    const rendered = isClosedOutput(error) ? { text: '', message: '', status: 0 } : renderError(error);
    writeErr(rendered.text);
    await noteInSystemLog('err', rendered.message);
    process.exit(rendered.status);
  };
  process.on('uncaughtException', escaped);
  process.on('unhandledRejection', escaped);
  // Nothing is left to wait for, and yet we are not through: a promise that nobody keeps. To end well would be a lie.
  process.once('beforeExit', () => void escaped(new Error('there was nothing left to wait for before the work was done')));
  const status = await main(words);
  process.exit(status);
}

function isClosedOutput(error: unknown): boolean {
  return error instanceof ClosedOutputError || (!isScullError(error) && (error as { code?: unknown } | undefined)?.code === 'EPIPE');
}
