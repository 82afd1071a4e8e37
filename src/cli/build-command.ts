/** What `build` does around the engine's build: streams, signals, progress, files for others to read. */
import { appendFileSync } from 'node:fs';
import { ScullError } from '../host/errors.ts';
import type { Engine } from '../engine/engine.ts';
import type { BuildResult, CheckedFile } from '../engine/images/build.ts';
import type { RegistryChoices } from '../engine/images/registry-choices.ts';
import type { BuiltList } from '../engine/builds/lists.ts';
import type { BuildEvent, BuildOptions } from '../engine/builds/options.ts';
import { digestHex } from '../oci/digest.ts';
import type { ImageRecord } from '../storage/image-types.ts';
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
  const call = calledFor(flags);
  const log = logOf(flags.logfile);
  const print = log === undefined ? command.print : (line: string) => log(`${line}\n`);
  const presenter = presenterOf(command, log);
  const abort = new AbortController();
  const interrupt = (signal: NodeJS.Signals): void => abort.abort(new ScullError('INTERRUPTED', `the build was interrupted by ${signal}; finished steps are kept for the next one`));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  try {
    const input = !command.terminalInput && (command.context === '-' || flags.file === '-') ? await inputStream() : undefined;
    const options = { ...(await buildOptions(flags, command.tokens)), context: command.context, input, registry: command.registry, abort: abort.signal, onEvent: (event: BuildEvent) => presenter.show(event) };
    const { buildImage, checkBuild } = await import('../engine/images/build.ts');
    if (call.check) return await presentFindings(await checkBuild(engine, options), call.json, print);
    const result = await buildImage(engine, options);
    presenter.finish();
    presentResult(result, options, flags, print);
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

/** --check and docker-buildx-build(1), "--call". @throws ScullError UNSUPPORTED */
function calledFor({ check, call = 'build' }: BuildFlags): { readonly check: boolean; readonly json: boolean } {
  const [method = '', ...more] = call.split(',');
  const json = more.length === 1 && more[0] === 'format=json';
  if (method === 'build' && more.length === 0) return { check: check === true, json: false };
  if ((method === 'check' || method === 'lint') && (more.length === 0 || json)) return { check: true, json };
  throw new ScullError('UNSUPPORTED', `--call ${JSON.stringify(call)} is not supported`, { hint: 'there are build, check and check,format=json' });
}

/** @throws ScullError NOT_FOUND, PERMISSION, NO_SPACE */
function logOf(path: string | undefined): ((text: string) => void) | undefined {
  if (path === undefined) return undefined;
  writeUserFile(path, '', '--logfile');
  return (text) => appendFileSync(path, text);
}

/** As `docker build --check`, which ends with 1 where it found something; with the column, too. */
async function presentFindings({ name, lines, findings }: CheckedFile, json: boolean, print: (line: string) => void): Promise<number> {
  const { ruleAddress } = await import('../build/check.ts');
  if (json) {
    // The field names are BuildKit's (frontend/subrequests/lint).
    const warnings = findings.map(({ rule, at, text }) => ({ ruleName: rule, url: ruleAddress(rule), detail: text, location: { ranges: [{ start: { line: at.line, character: at.column - 1 }, end: { line: at.line, character: at.column - 1 } }] } }));
    print(JSON.stringify({ warnings, sources: [{ filename: name, language: 'Dockerfile', data: Buffer.from(lines.join('\n')).toString('base64') }] }, null, 2));
    return findings.length === 0 ? 0 : 1;
  }
  if (findings.length === 0) {
    print('Check complete, no warnings found.');
    return 0;
  }
  for (const { rule, at, text } of findings) {
    const about = ruleAddress(rule);
    const shown = [at.line - 1, at.line, at.line + 1].filter((line) => line >= 1 && line <= lines.length).map((line) => `${String(line).padStart(4)} | ${line === at.line ? '>>>' : '   '} ${lines[line - 1] ?? ''}`);
    print([`WARNING: ${rule}${about === undefined ? '' : ` - ${about}`}`, text, `${name}:${at.line}:${at.column}`, '-'.repeat(20), ...shown, '-'.repeat(20), ''].join('\n'));
  }
  print(`Check complete, ${findings.length === 1 ? '1 warning has' : `${findings.length} warnings have`} been found!`);
  return 1;
}

const PROGRESS = ['auto', 'plain', 'tty', 'json', 'rawjson', 'quiet', 'none'];

function presenterOf({ flags, terminalOutput }: BuildCommand, log: ((text: string) => void) | undefined): BuildPresenter {
  const { progress = 'auto' } = flags;
  if (!PROGRESS.includes(progress)) throw new ScullError('USAGE', `invalid --progress ${JSON.stringify(progress)}: it is auto, plain, tty, json or quiet`);
  const terminal = terminalOutput && log === undefined ? process.stderr : undefined;
  // A terminal that nobody has told its size says 0.
  const screen = { write: log ?? writeErr, now: Date.now, columns: terminal?.columns || 80, rows: terminal?.rows || 24 };
  switch (flags.quiet === true ? 'quiet' : progress) {
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
      return terminal === undefined ? plainBuild(screen) : terminalBuild(screen);
  }
}

function presentResult({ images, list, names }: BuildResult, { outputs }: BuildOptions, flags: BuildFlags, print: (line: string) => void): void {
  // A list is what the names stand for, but of one platform the image itself is of interest.
  const [image] = images;
  const ids = image === undefined || images.length > 1 ? [...images.map(({ id }) => id), ...(list === undefined ? [] : [list.id])] : [image.id];
  const [id] = ids;
  if (id === undefined) return;
  const idFile = flags.iidfile ?? flags['iidfile-raw'];
  if (idFile !== undefined) {
    if (ids.length > 1) throw new ScullError('USAGE', '--iidfile is for one id, and images for several platforms were made', { hint: 'put them together with -t or --manifest' });
    writeUserFile(idFile, flags.iidfile === undefined ? digestHex(id) : id, '--iidfile');
  }
  if (flags['metadata-file'] !== undefined) writeUserFile(flags['metadata-file'], metadata(image, list, names), '--metadata-file');
  if (!outputs.some((output) => 'path' in output && output.path === '-')) for (const each of ids) print(digestHex(each));
}

/** As buildx writes it. */
function metadata(image: ImageRecord | undefined, list: BuiltList | undefined, names: readonly string[]): string {
  const { mediaType, digest, size } = image === undefined ? (list as BuiltList).descriptor : { mediaType: image.manifestMediaType, digest: image.manifestDigest, size: Buffer.byteLength(JSON.stringify(image.manifest)) };
  const value = {
    ...(image === undefined ? {} : { 'containerimage.config.digest': image.id }),
    'containerimage.digest': digest,
    'containerimage.descriptor': { mediaType, digest, size },
    ...(names.length === 0 ? {} : { 'image.name': names.join(',') }),
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}
