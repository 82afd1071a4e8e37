/** build: a Containerfile and a context become an image. What happens in between is in engine/builds and src/build. */
import { checkContainerfile, type Finding } from '../../build/check.ts';
import { parseContainerfile } from '../../build/containerfile/file.ts';
import { mistake } from '../../build/containerfile/source.ts';
import { planStages } from '../../build/plan/stages.ts';
import { PROXY_ARGS } from '../../build/plan/scope.ts';
import { ScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory } from '../../host/files.ts';
import { hostPlatform } from '../../oci/platform.ts';
import { formatReference, localReference } from '../../oci/reference.ts';
import { discardLeftovers } from '../../storage/garbage.ts';
import type { ImageRecord } from '../../storage/image-types.ts';
import { createStaging, sweepStaging } from '../../storage/staging.ts';
import { openContext } from '../builds/context.ts';
import { makeImage } from '../builds/image.ts';
import type { BuildOptions } from '../builds/options.ts';
import { endOrphanedSteps } from '../builds/orphans.ts';
import { BuildSession } from '../builds/session.ts';
import { Stages } from '../builds/stages.ts';
import { sweepContainers } from '../containers/cleanup.ts';
import type { Engine } from '../engine.ts';

export interface BuiltImage {
  /** Undefined where only files of it were asked for. */
  readonly image: ImageRecord | undefined;
  /** Full references. */
  readonly names: readonly string[];
}

/**
 * podman-build(1), docker-build(1).
 * @throws ScullError naming file, line and column for what is wrong in the Containerfile; CommandFailed for a RUN that fails
 */
export async function buildImage(engine: Engine, options: BuildOptions): Promise<BuiltImage> {
  const names = options.tags.map((tag) => formatReference(localReference(tag)));
  ensurePrivateDirectory(engine.store.layout.root);
  await Promise.all([sweepStaging(engine.store), sweepContainers(engine)]);
  await endOrphanedSteps(engine);
  const staging = createStaging(engine.store);
  let failed = true;
  try {
    const context = await openContext(options, staging);
    const file = parseContainerfile(context.containerfile.name, context.containerfile.text);
    const { findings, isError } = checkContainerfile(file, context.ignore);
    const [first] = findings;
    if (isError && first !== undefined) throw mistake(file.source, first.at, `${first.rule}: ${first.text}`, { hint: 'the file itself makes such findings errors: # check=error=true' });
    const given = { values: options.args, used: new Set<string>() };
    const buildPlatform = hostPlatform();
    const plan = planStages(file, { buildPlatform, targetPlatform: options.platform ?? buildPlatform, args: given, target: options.target, from: options.from });
    const session = new BuildSession({ engine, options, staging, file, plan, context, scope: { given, global: plan.global, platform: plan.platform } });
    const built = await new Stages(session).buildTarget().finally(() => session.settled());
    warnOfUnused(session, given.used);
    const wanted = names.length > 0 || options.outputs.length === 0 || options.outputs.some(({ kind }) => kind === 'image' || kind === 'archive');
    const image = wanted ? await makeImage(session, built) : undefined;
    for (const output of options.outputs) await (await import('../builds/outputs.ts')).writeOutput(session, output, built, image, names);
    if (options.cacheTo.length > 0) {
      const { exportCache } = await import('../builds/cache-directory.ts');
      for (const directory of options.cacheTo) exportCache(session, directory, [...session.used.values()]);
    }
    failed = false;
    return { image, names };
  } catch (error) {
    if (options.abort.aborted) throw options.abort.reason instanceof ScullError ? options.abort.reason : new ScullError('INTERRUPTED', 'interrupted');
    throw error;
  } finally {
    await staging.remove();
    if (failed && !options.abort.aborted) await discardLeftovers(engine.store);
  }
}

/**
 * Looks for mistakes and doubtful habits; nothing is built.
 * @throws ScullError for what would not build at all
 */
export async function checkBuild(engine: Engine, options: BuildOptions): Promise<CheckedFile> {
  ensurePrivateDirectory(engine.store.layout.root);
  const staging = createStaging(engine.store);
  try {
    const context = await openContext(options, staging);
    const file = parseContainerfile(context.containerfile.name, context.containerfile.text);
    const buildPlatform = hostPlatform();
    planStages(file, { buildPlatform, targetPlatform: options.platform ?? buildPlatform, args: { values: options.args, used: new Set() }, target: options.target, from: options.from });
    return { name: file.source.name, lines: file.source.lines, findings: checkContainerfile(file, context.ignore).findings };
  } finally {
    await staging.remove();
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
