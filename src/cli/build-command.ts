/** What `build` does around the engine's build: streams, signals, progress, files for others to read. */
import { ScullError } from '../host/errors.ts';
import type { Engine } from '../engine/engine.ts';
import type { CheckedFile } from '../engine/images/build.ts';
import type { RegistryChoices } from '../engine/images/registry-choices.ts';
import type { BuildEvent } from '../engine/builds/options.ts';
import { digestHex } from '../oci/digest.ts';
import { buildOptions, type BuildFlags } from './build-options.ts';
import { renderError } from './errors.ts';
import { inputStream } from './input.ts';
import { writeErr } from './output.ts';
import type { FlagToken } from './parse.ts';
import { jsonBuild, plainBuild, quietBuild, terminalBuild, type BuildPresenter } from './present/build.ts';
import { writeUserFile } from './user-file.ts';

export interface BuildCommand {
  readonly context: string;
  readonly flags: BuildFlags;
  readonly tokens: readonly FlagToken[];
  readonly registry: RegistryChoices;
  readonly engine: Engine;
  readonly terminalOutput: boolean;
  readonly terminalInput: boolean;
  readonly print: (line: string) => void;
}

/** @returns the exit status: that of a RUN command which failed, 0 otherwise @throws ScullError for any other failure */
export async function runBuild(command: BuildCommand): Promise<number> {
  const { flags, engine } = command;
  const presenter = presenterOf(command);
  const abort = new AbortController();
  const interrupt = (signal: NodeJS.Signals): void => abort.abort(new ScullError('INTERRUPTED', `the build was interrupted by ${signal}; finished steps are kept for the next one`));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  try {
    const input = !command.terminalInput && (command.context === '-' || flags.file === '-') ? await inputStream() : undefined;
    const options = { ...(await buildOptions(flags, command.tokens)), context: command.context, input, registry: command.registry, abort: abort.signal, onEvent: (event: BuildEvent) => presenter.show(event) };
    const { buildImage, checkBuild } = await import('../engine/images/build.ts');
    if (flags.check === true) return presentFindings(await checkBuild(engine, options), command.print);
    const { image, names } = await buildImage(engine, options);
    presenter.finish();
    if (image === undefined) return 0;
    if (flags.iidfile !== undefined) writeUserFile(flags.iidfile, image.id, '--iidfile');
    if (flags['metadata-file'] !== undefined) writeUserFile(flags['metadata-file'], metadata(image, names), '--metadata-file');
    if (!options.outputs.some((output) => 'path' in output && output.path === '-')) command.print(digestHex(image.id));
    return 0;
  } catch (error) {
    presenter.finish();
    const { CommandFailed } = await import('../engine/builds/run-step.ts');
    const failure = error instanceof ScullError && error.cause instanceof CommandFailed ? error.cause : error;
    if (!(failure instanceof CommandFailed)) throw error;
    writeErr(renderError(error, { colour: command.terminalOutput }).text);
    return failure.exitCode;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.removeListener(signal, interrupt);
  }
}

/** As `docker build --check`, which ends with 1 where it found something. */
function presentFindings({ name, lines, findings }: CheckedFile, print: (line: string) => void): number {
  if (findings.length === 0) {
    print('Check complete, no warnings found.');
    return 0;
  }
  for (const { rule, at, text } of findings) print(`WARNING: ${rule} ${name}:${at.line}:${at.column}\n${text}\n  ${at.line} | ${lines[at.line - 1] ?? ''}\n`);
  print(`Check complete, ${findings.length === 1 ? '1 warning has' : `${findings.length} warnings have`} been found!`);
  return 1;
}

function presenterOf({ flags, terminalOutput }: BuildCommand): BuildPresenter {
  const kind = flags.quiet === true ? 'quiet' : (flags.progress ?? 'auto');
  const terminal = terminalOutput ? process.stderr : undefined;
  const screen = { write: writeErr, now: Date.now, columns: terminal?.columns ?? 80, rows: terminal?.rows ?? 24 };
  switch (kind) {
    case 'auto':
      return terminalOutput ? terminalBuild(screen) : plainBuild(screen);
    case 'plain':
      return plainBuild(screen);
    case 'tty':
      return terminalBuild(screen);
    case 'json':
    case 'rawjson':
      return jsonBuild(screen);
    case 'quiet':
    case 'none':
      return quietBuild(screen);
    default:
      throw new ScullError('USAGE', `invalid --progress ${JSON.stringify(kind)}: it is auto, plain, tty, json or quiet`);
  }
}

/** As buildx writes it. */
function metadata(image: { readonly id: string; readonly manifestDigest: string; readonly manifestMediaType: string; readonly manifest: unknown }, names: readonly string[]): string {
  const value = {
    'containerimage.config.digest': image.id,
    'containerimage.digest': image.manifestDigest,
    'containerimage.descriptor': { mediaType: image.manifestMediaType, digest: image.manifestDigest, size: Buffer.byteLength(JSON.stringify(image.manifest)) },
    ...(names.length === 0 ? {} : { 'image.name': names.join(',') }),
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}
