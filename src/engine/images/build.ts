/** build: a Containerfile and a context become an image. What happens in between is in engine/builds and src/build. */
import { existsSync, readdirSync } from 'node:fs';
import type { CheckResult, Finding } from '../../build/check.ts';
import type { KnownBase } from '../../build/check-stage.ts';
import { parseContainerfile, type Containerfile, type Stage } from '../../build/containerfile/file.ts';
import { mistake } from '../../build/containerfile/source.ts';
import { planStages, type PlannedStage } from '../../build/plan/stages.ts';
import { PROXY_ARGS, type GivenArgs } from '../../build/plan/scope.ts';
import { isScullError, ScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory } from '../../host/files.ts';
import { formatPlatform, hostPlatform, platformMatches } from '../../oci/platform.ts';
import { variableName } from '../../spec/environment.ts';
import { lookUpImage } from '../../storage/image-lookup.ts';
import type { NewInstance } from '../../storage/image-lists.ts';
import type { ImageRecord } from '../../storage/image-types.ts';
import { lateStaging, sweepStaging } from '../../storage/staging.ts';
import { openContext, type BuildContext } from '../builds/context.ts';
import { imageNames, makeImage } from '../builds/image.ts';
import type { BuiltList } from '../builds/lists.ts';
import type { BuildOptions } from '../builds/options.ts';
import { BuildSession, LostMeanwhile } from '../builds/session.ts';
import { checkNamedContext } from '../builds/sources.ts';
import { Stages, type PlatformBuild, type StageResult } from '../builds/stages.ts';
import type { Engine } from '../engine.ts';
import { byAlias } from './by-alias.ts';
import type { RegistryChoices } from './registry-choices.ts';

/** What a build has made; neither where only files of it were asked for. */
export interface BuildResult {
  /** One for each platform, in the order asked for; none where they are in a list alone. */
  readonly images: readonly ImageRecord[];
  readonly list?: BuiltList | undefined;
  /** Full references. */
  readonly names: readonly string[];
}

/**
 * podman-build(1), docker-build(1).
 * @throws ScullError naming file, line and column for what is wrong in the Containerfile; CommandFailed for a RUN that fails
 */
export async function buildImage(engine: Engine, options: BuildOptions): Promise<BuildResult> {
  // Standard input can't be read again.
  if (options.input !== undefined) return buildOnce(engine, options, true);
  try {
    return await buildOnce(engine, options, false);
  } catch (error) {
    if (!(error instanceof LostMeanwhile)) throw error;
    return buildOnce(engine, options, true);
  }
}

/** @param careful claims whatever it finds, from the beginning; else nothing is claimed until something is to be made */
async function buildOnce(engine: Engine, options: BuildOptions, careful: boolean): Promise<BuildResult> {
  const names = imageNames(options);
  if (options.manifest !== undefined) (await import('../manifests/change.ts')).listName(options.manifest);
  if (options.outputs.length > 0) (await import('../builds/outputs.ts')).checkOutputs(options);
  if (options.push && names.length === 0) throw new ScullError('USAGE', 'an image without a name cannot be pushed', { hint: 'give it one with -t, with the registry in it' });
  checkGiven(options);
  ensurePrivateDirectory(engine.store.layout.root);
  await cleanUp(engine);
  const staging = lateStaging(engine.store);
  let session: BuildSession | undefined;
  let failed = true;
  try {
    const context = await openContext(options, staging);
    const file = parseContainerfile(context.containerfile.name, context.containerfile.text);
    await refuseFindings(file, context, options);
    const given = { values: options.args, used: new Set<string>() };
    const targets = platformBuilds(file, options, given);
    session = new BuildSession({ engine, options, staging, file, context });
    if (careful) session.hold();
    const built = await buildTargets(session, targets);
    warnOfUnused(session, given.used);
    const result = await keepResult(session, built, names);
    if (options.cacheTo.length > 0) await (await import('../builds/cache-places.ts')).exportCache(session);
    if (options.push) await pushAll(engine, names, options.registry);
    failed = false;
    return result;
  } catch (error) {
    if (options.abort.aborted) throw options.abort.reason instanceof ScullError ? options.abort.reason : new ScullError('INTERRUPTED', 'interrupted');
    throw error;
  } finally {
    session?.end();
    await staging.remove();
    if (failed && !options.abort.aborted) await (await import('../../storage/garbage.ts')).discardLeftovers(engine.store);
  }
}

/** What killed builds left. Where no container has a claim (and this is not the first command since the boot) that is files alone. */
async function cleanUp(engine: Engine): Promise<void> {
  const { claims } = engine.store.layout;
  if (existsSync(claims) && readdirSync(claims).length === 0) return sweepStaging(engine.store);
  await (await import('../builds/orphans.ts')).cleanUpBuilds(engine);
}

async function pushAll(engine: Engine, names: readonly string[], registry: RegistryChoices): Promise<void> {
  const { pushImage } = await import('./push.ts');
  for (const name of names) await pushImage(engine, name, registry);
}

/** Also those that no step asks for: a name with a typing error is told at once. */
function checkGiven({ secrets, ssh, namedContexts }: BuildOptions): void {
  for (const [name, value] of namedContexts) checkNamedContext(name, value);
  for (const [id, source] of secrets) {
    if (source.kind === 'file' && !existsSync(source.path)) throw new ScullError('NOT_FOUND', `the secret ${JSON.stringify(id)} is to come from ${JSON.stringify(source.path)}, which does not exist`);
  }
  for (const [id, paths] of ssh) {
    const lost = paths.find((path) => !existsSync(path));
    if (lost !== undefined) throw new ScullError('NOT_FOUND', `--ssh ${id}: ${JSON.stringify(lost)} does not exist`);
  }
}

function platformBuilds(file: Containerfile, options: BuildOptions, given: GivenArgs): PlatformBuild[] {
  const buildPlatform = hostPlatform();
  const platforms = options.platforms.length === 0 ? [buildPlatform] : options.platforms;
  return platforms.map((targetPlatform) => {
    const plan = planStages(file, { buildPlatform, targetPlatform, args: given, target: options.target, from: options.from, contexts: new Set(options.namedContexts.keys()) });
    return { plan, scope: { given, global: plan.global, platform: plan.platform }, prefix: platforms.length === 1 ? '' : `${formatPlatform(targetPlatform)} ` };
  });
}

/** All platforms at the same time. The first failure ends all of them. */
async function buildTargets(session: BuildSession, targets: readonly PlatformBuild[]): Promise<StageResult[]> {
  const outcomes = await Promise.allSettled(targets.map((target) => new Stages(session, target).buildTarget()));
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  try {
    await session.settled();
  } catch (error) {
    throw failure?.reason ?? error;
  }
  if (failure !== undefined) throw failure.reason;
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}

/** Images, lists, files: whatever was asked for. */
async function keepResult(session: BuildSession, built: readonly StageResult[], names: readonly string[]): Promise<BuildResult> {
  const { options } = session;
  const wanted = names.length > 0 || options.manifest !== undefined || options.outputs.length === 0 || options.outputs.some(({ kind }) => kind === 'image' || kind === 'archive');
  const several = built.length > 1;
  const inList = several && (names.length > 0 || options.manifest !== undefined);
  const images: ImageRecord[] = [];
  if (wanted && !inList) for (const one of built) images.push(await makeImage(session, one));
  let list: BuiltList | undefined;
  if (inList || options.manifest !== undefined) {
    const [{ makeInstance }, { addToList, nameList }] = await Promise.all([import('../builds/image.ts'), import('../builds/lists.ts')]);
    const instances: NewInstance[] = [];
    for (const one of built) instances.push(await makeInstance(session, one));
    if (several && names.length > 0) list = await nameList(session, names, instances);
    if (options.manifest !== undefined) list = await addToList(session, options.manifest, instances);
  }
  if (options.outputs.length > 0) await (await import('../builds/outputs.ts')).writeOutputs(session, built, images[0], names);
  return { images, list, names };
}

/**
 * Looks for mistakes and doubtful habits; nothing is built.
 * @throws ScullError for what would not build at all
 */
export async function checkBuild(engine: Engine, options: BuildOptions): Promise<CheckedFile> {
  ensurePrivateDirectory(engine.store.layout.root);
  const staging = lateStaging(engine.store);
  try {
    const context = await openContext(options, staging);
    const file = parseContainerfile(context.containerfile.name, context.containerfile.text);
    const [build] = platformBuilds(file, options, { values: options.args, used: new Set() });
    const bases = new Map(await Promise.all((build?.plan.stages ?? []).map(async (planned) => [planned.stage.index, await knownBase(engine, options, planned)] as const)));
    return { name: file.source.name, lines: file.source.lines, findings: (await check(file, context, options, (stage) => bases.get(stage.index))).findings };
  } finally {
    await staging.remove();
  }
}

async function check(file: Containerfile, context: BuildContext, options: BuildOptions, base?: (stage: Stage) => KnownBase | undefined): Promise<CheckResult> {
  const { checkContainerfile } = await import('../../build/check.ts');
  return checkContainerfile(file, { ignore: context.ignore, settings: options.args.get(CHECK_SETTINGS), ...(base === undefined ? {} : { base }) });
}

const CHECK_SETTINGS = 'BUILDKIT_DOCKERFILE_CHECK';

/** Only a file, or a command line, that says so makes findings errors of a build. @throws ScullError INVALID */
async function refuseFindings(file: Containerfile, context: BuildContext, options: BuildOptions): Promise<void> {
  if (file.directives.check === undefined && !options.args.has(CHECK_SETTINGS)) return;
  const { findings, isError } = await check(file, context, options);
  const [first] = findings;
  if (isError && first !== undefined) throw mistake(file.source, first.at, `${first.rule}: ${first.text}`, { hint: 'the file itself makes such findings errors: # check=error=true' });
}

/** Nothing is fetched for a check: it knows images that are here. */
async function knownBase(engine: Engine, options: BuildOptions, { base, platform }: PlannedStage): Promise<KnownBase | undefined> {
  if (base.kind === 'scratch') return { variables: ['PATH'] };
  if (base.kind === 'stage' || options.namedContexts.has(base.name)) return undefined;
  try {
    const { config } = (await byAlias(base.name, (name) => lookUpImage(engine.store, name, platform))).image;
    const variables = config.config?.Env?.map(variableName) ?? [];
    const mismatch = { expected: formatPlatform(platform), actual: formatPlatform(config) };
    return { variables: ['PATH', ...variables], platformMismatch: platformMatches(config, platform) ? undefined : mismatch };
  } catch (error) {
    if (isScullError(error, 'NO_SUCH_IMAGE', 'AMBIGUOUS', 'CORRUPT', 'INVALID', 'UNSUPPORTED')) return undefined;
    throw error;
  }
}

export interface CheckedFile {
  readonly name: string;
  readonly lines: readonly string[];
  readonly findings: readonly Finding[];
}

function warnOfUnused(session: BuildSession, used: ReadonlySet<string>): void {
  const unused = [...session.options.args.keys()].filter((name) => !used.has(name) && !PROXY_ARGS.includes(name) && name !== 'SOURCE_DATE_EPOCH' && !name.startsWith('BUILDKIT_'));
  if (unused.length > 0) session.warn(`no ARG asks for the build ${unused.length === 1 ? 'argument' : 'arguments'} ${unused.join(', ')}`);
}
