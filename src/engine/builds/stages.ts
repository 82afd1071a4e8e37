/** Stages are built here: each one step after the other, all that are needed at the same time. */
import { cacheKey, type KeyPart } from '../../build/cache-key.ts';
import { parseTrigger, type StepInstruction } from '../../build/containerfile/instructions.ts';
import { mistake, mistakeAt } from '../../build/containerfile/source.ts';
import type { Statement } from '../../build/containerfile/statements.ts';
import { inheritedConfig, withEnvironment } from '../../build/plan/config.ts';
import { cycle, type Base, type PlannedStage, type StagePlan } from '../../build/plan/stages.ts';
import { evaluate, type BuildScope, type CopyStep, type RunStep, type StageState, type Step } from '../../build/plan/step.ts';
import { isScullError } from '../../host/errors.ts';
import { trace } from '../../host/trace.ts';
import type { HistoryEntry, ImageConfig, ImageRuntimeConfig } from '../../oci/image.ts';
import { formatPlatform, type Platform } from '../../oci/platform.ts';
import { readRootfsFile } from '../../runtime/rootfs-file.ts';
import { resolveUser } from '../../runtime/user.ts';
import { CACHE_FORMAT, touchCached, type CacheRecord } from '../../storage/build-cache.ts';
import type { LayerRef } from '../../storage/image-types.ts';
import { ensureImage } from '../images/ensure.ts';
import { layerDirectories, topOf } from './layer.ts';
import type { StepLabel } from './options.ts';
import { LostMeanwhile, type BuildSession } from './session.ts';
import { imageOfContext, namedContext, openOrigin, type Origin } from './sources.ts';

/** A stage as far as it is built. */
export interface StageResult {
  readonly layers: readonly LayerRef[];
  /** How many of the layers, and of the history, are the base's. */
  readonly baseLayers: number;
  readonly state: StageState;
  readonly history: readonly HistoryEntry[];
  /** RFC 3339: of the last step. */
  readonly created: string;
  readonly platform: Platform;
  /** What the base says beyond what is written in the file: os.version and the like. */
  readonly base: ImageConfig | undefined;
  /** Decides, with the next steps, the times in their history. */
  readonly key: string;
}

/** What is built for one platform. */
export interface PlatformBuild {
  readonly plan: StagePlan;
  readonly scope: BuildScope;
  /** Before the names of stages in progress; empty where there is one platform only. */
  readonly prefix: string;
}

/** All stages for one platform. */
export class Stages {
  readonly #session: BuildSession;
  readonly #own: PlatformBuild;
  readonly #results = new Map<number, Promise<StageResult>>();
  readonly #waits = new Map<number, Set<number>>();

  constructor(session: BuildSession, own: PlatformBuild) {
    this.#session = session;
    this.#own = own;
  }

  /** Builds the target, and beside it everything it will need. @throws ScullError of the first step that fails */
  async buildTarget(): Promise<StageResult> {
    const { plan } = this.#own;
    const all = plan.order.map((index) => this.#result(index));
    const outcomes = await Promise.allSettled(all);
    const first = this.#session.abort.signal.reason as unknown;
    if (outcomes.some((outcome) => outcome.status === 'rejected')) throw first ?? (outcomes.find((outcome) => outcome.status === 'rejected') as PromiseRejectedResult).reason;
    return this.#result(plan.target.stage.index);
  }

  #result(index: number): Promise<StageResult> {
    const known = this.#results.get(index);
    if (known !== undefined) return known;
    const result = this.#build(index).catch((error: unknown) => {
      this.#session.abort.abort(error); // nothing else needs to go on; the first reason stays
      throw error;
    });
    result.catch(() => undefined); // told where it is awaited
    this.#results.set(index, result);
    return result;
  }

  /** Another stage's, for one that is being built. Names may come out of variables, so that a circle shows only now. */
  async #other(own: number, index: number): Promise<StageResult> {
    const path = this.#way(index, own);
    if (path !== undefined) throw cycle(this.#session.file, this.#own.plan.stages, [...path, index]);
    const waits = this.#waits.get(own) ?? new Set();
    this.#waits.set(own, waits.add(index));
    return this.#result(index);
  }

  /** Stages from one to another, each waiting for the next. */
  #way(from: number, to: number): number[] | undefined {
    if (from === to) return [from];
    for (const next of this.#waits.get(from) ?? []) {
      const rest = this.#way(next, to);
      if (rest !== undefined) return [from, ...rest];
    }
    return undefined;
  }

  async #build(index: number): Promise<StageResult> {
    const session = this.#session;
    const planned = this.#own.plan.stages[index] as PlannedStage;
    let result = await this.#base(planned);
    const first = this.#isFiles(planned.base) ? [parseTrigger(`COPY --from=${planned.base.name} / /`, planned.base.name)] : await this.#triggers(planned);
    const instructions = [...first, ...planned.stage.steps];
    const builder = new StageBuilder(session, this.#own, planned, instructions, (other) => this.#other(index, other));
    for (const instruction of instructions) {
      session.checkAborted();
      result = await builder.step(result, instruction);
    }
    return result;
  }

  /** A named context that is no image: FROM begins with its files. */
  #isFiles(base: Base): base is Base & { readonly kind: 'image' } {
    const named = base.kind === 'image' ? namedContext(this.#session, base.name) : undefined;
    return named !== undefined && imageOfContext(named) === undefined;
  }

  /** ONBUILD of the base. */
  async #triggers(planned: PlannedStage): Promise<StepInstruction[]> {
    const { base } = planned;
    const config = base.kind === 'stage' ? (await this.#other(planned.stage.index, base.index)).state.config : base.kind === 'image' ? (await this.#image(planned)).config?.config : undefined;
    return (config?.OnBuild ?? []).map((trigger) => parseTrigger(trigger, base.kind === 'image' ? base.name : planned.stage.from.image));
  }

  readonly #images = new Map<string, Promise<{ readonly layers: readonly LayerRef[]; readonly config: ImageConfig | undefined }>>();

  async #base(planned: PlannedStage): Promise<StageResult> {
    const session = this.#session;
    const { base, platform } = planned;
    // As BuildKit's empty image: its working directory is said.
    const state: StageState = { config: { ...inheritedConfig(undefined), WorkingDir: '/' }, args: new Map(), ownCommand: false };
    if (base.kind === 'scratch' || this.#isFiles(base)) return { layers: [], baseLayers: 0, state, history: [], created: session.now(), platform, base: undefined, key: cacheKey('scratch', formatPlatform(platform)) };
    if (base.kind === 'stage') {
      const other = await this.#other(planned.stage.index, base.index);
      return { ...other, state: { ...state, config: this.#inherited(other.state.config), ...(other.state.author === undefined ? {} : { author: other.state.author }) } };
    }
    const image = await this.#image(planned);
    return {
      layers: image.layers,
      baseLayers: image.layers.length,
      state: { ...state, config: this.#inherited(image.config?.config), ...(image.config?.author === undefined ? {} : { author: image.config.author }) },
      history: image.config?.history ?? [],
      created: image.config?.created ?? '1970-01-01T00:00:00Z',
      platform: image.config === undefined ? platform : { os: image.config.os, architecture: image.config.architecture, ...(image.config.variant === undefined ? {} : { variant: image.config.variant }) },
      base: image.config,
      key: cacheKey('image', [topOf(image.layers), JSON.stringify(image.config ?? null)]),
    };
  }

  #inherited(config: ImageRuntimeConfig | undefined): ImageRuntimeConfig {
    const { Labels: labels, ...rest } = inheritedConfig(config);
    return this.#session.options.inheritLabels && labels !== undefined ? { ...rest, Labels: labels } : rest;
  }

  /** The image of a FROM; one that several stages name is fetched once. */
  #image(planned: PlannedStage): Promise<{ readonly layers: readonly LayerRef[]; readonly config: ImageConfig | undefined }> {
    const session = this.#session;
    const { base, platform } = planned;
    if (base.kind !== 'image') throw new Error('not a stage of an image');
    const key = `${base.name} ${formatPlatform(platform)}`;
    const known = this.#images.get(key);
    if (known !== undefined) return known;
    const label = session.label(shownName(this.#own, planned), '', `FROM ${base.name}`);
    const { statement } = planned.stage.from;
    const work = reported(session, label, statement, async () => {
      const named = namedContext(session, base.name);
      const name = (named === undefined ? undefined : imageOfContext(named)) ?? base.name;
      const image = await session.waitFor(ensureImage(session.engine, name, { ...session.options.registry, pull: session.options.pull, platform }));
      session.rely(image.layers);
      return { value: { layers: image.layers, config: image.config as ImageConfig | undefined }, result: 'ok' as const };
    });
    this.#images.set(key, work);
    return work;
  }
}

function shownName({ prefix }: PlatformBuild, planned: PlannedStage): string {
  return `${prefix}${planned.name ?? `stage-${planned.stage.index}`}`;
}

/** Tells of a step's beginning and end, and gives its errors their place in the file. */
async function reported<T>(session: BuildSession, step: StepLabel, statement: Statement, work: () => Promise<{ readonly value: T; readonly result: 'cached' | 'ok' }>): Promise<T> {
  const { onEvent } = session.options;
  onEvent({ kind: 'start', step });
  try {
    const { value, result } = await work();
    onEvent({ kind: 'done', step, result });
    return value;
  } catch (error) {
    if (session.abort.signal.aborted || error instanceof LostMeanwhile) {
      onEvent({ kind: 'canceled', step });
      throw error;
    }
    const explained = mistakeAt(statement.source, statement.at, error);
    onEvent({ kind: 'failed', step, message: isScullError(explained) ? explained.message : String(explained) });
    throw explained;
  }
}

/** One stage's steps. */
class StageBuilder {
  readonly #session: BuildSession;
  readonly #scope: BuildScope;
  readonly #name: string;
  readonly #total: number;
  readonly #cached: boolean;
  readonly #other: (index: number) => Promise<StageResult>;
  #number = 0;

  constructor(session: BuildSession, own: PlatformBuild, planned: PlannedStage, instructions: readonly StepInstruction[], other: (index: number) => Promise<StageResult>) {
    const { options } = session;
    this.#session = session;
    this.#scope = own.scope;
    this.#name = shownName(own, planned);
    this.#total = instructions.filter((instruction) => ['RUN', 'COPY', 'ADD', 'WORKDIR'].includes(instruction.kind)).length;
    this.#cached = options.layers && !options.noCache && !options.noCacheFilter.some((name) => name.toLowerCase() === planned.name || name === String(planned.stage.index));
    this.#other = other;
  }

  async step(before: StageResult, instruction: StepInstruction): Promise<StageResult> {
    const session = this.#session;
    const step = evaluate(instruction, before.state, this.#scope);
    const { work } = step;
    if (work.kind === 'config') return this.#configStep(before, step);
    const label = session.label(this.#name, `${++this.#number}/${this.#total}`, step.title);
    return reported(session, label, step.statement, async () => {
      switch (work.kind) {
        case 'workdir':
          return this.#workdirStep(before, step, work.path);
        case 'run':
          return this.#runStep(before, step, work, label);
        case 'copy':
          return this.#copyStep(before, step, work);
      }
    });
  }

  /** Nothing happens but that the time is noted, so that building again makes the same image. */
  async #configStep(before: StageResult, step: Step): Promise<StageResult> {
    const session = this.#session;
    const key = this.#keyOf('config', before.layers, [before.key, step.createdBy]);
    const found = await this.#findAnywhere(key, before.layers);
    if (found !== undefined) session.used.set(key, found);
    const created = found?.created ?? session.now();
    if (found === undefined) this.#remember({ format: CACHE_FORMAT, key, created, step: step.createdBy });
    return { ...before, state: step.state, created, key, history: [...before.history, { created, created_by: step.createdBy, empty_layer: true }] };
  }

  async #workdirStep(before: StageResult, step: Step, path: string): Promise<Done> {
    const owner = this.#userOf(before);
    const key = this.#keyOf('workdir', before.layers, [path, owner.uid, owner.gid]);
    return this.#layerStep(before, step, key, async () => {
      const [{ runFileWork }, { commitLayer }] = await Promise.all([import('./file-step.ts'), import('./commit.ts')]);
      const upper = await runFileWork(this.#session, { layers: before.layers, job: ({ root }) => ({ root, time: this.#session.options.timestamp, directory: { path, ...owner } }) });
      return upper === undefined ? undefined : commitLayer(this.#session, before.layers, upper, []);
    });
  }

  #userOf(stage: StageResult): { readonly uid: number; readonly gid: number } {
    const { User: user } = stage.state.config;
    return user === undefined || user === '' ? { uid: 0, gid: 0 } : this.#resolveUser(stage, user);
  }

  #resolveUser(stage: StageResult, user: string): { readonly uid: number; readonly gid: number } {
    const directories = layerDirectories(this.#session, stage.layers);
    const read = (path: string): string => readRootfsFile(directories, path) ?? '';
    const { uid, gid } = resolveUser(user, read('/etc/passwd'), read('/etc/group'));
    return { uid, gid };
  }

  async #runStep(before: StageResult, step: Step, work: RunStep, label: StepLabel): Promise<Done> {
    const session = this.#session;
    const opened = work.mounts.length === 0 ? { key: [], origins: new Map() } : await (await import('./run-mounts.ts')).openRunMounts(session, work, before.platform, async (index) => (await this.#other(index)).layers);
    const { run } = session.options;
    const key = this.#keyOf('run', before.layers, [
      work.words,
      work.env,
      before.state.config.User,
      before.state.config.WorkingDir,
      work.network,
      work.security,
      work.script?.content,
      opened.key,
      run.network.mode as unknown as KeyPart,
      run.mounts as unknown as KeyPart,
      formatPlatform(before.platform),
    ]);
    return this.#layerStep(before, step, key, async () => {
      const [{ readyRunMounts }, { runCommandStep }] = await Promise.all([import('./run-mounts.ts'), import('./run-step.ts')]);
      const ready = await readyRunMounts(session, work, opened);
      try {
        return await runCommandStep(session, { step: work, label, layers: before.layers, config: this.imageConfig(before), mounts: ready.mounts, secretEnvironment: ready.environment });
      } finally {
        ready.release();
      }
    });
  }

  /** What a container of the stage so far is made of. */
  imageConfig(stage: StageResult): ImageConfig {
    const { Entrypoint: _entrypoint, Cmd: _cmd, Volumes: _volumes, Healthcheck: _check, StopSignal: _signal, ...config } = stage.state.config;
    return { ...stage.platform, config: { ...config, Env: withEnvironment(config.Env ?? [], []) }, rootfs: { type: 'layers', diff_ids: [] } };
  }

  async #copyStep(before: StageResult, step: Step, work: CopyStep): Promise<Done> {
    const session = this.#session;
    const { statement } = step;
    const owner = work.chown === undefined ? undefined : this.#chownOf(before, work.chown, statement);
    const origin = await openOrigin(session, work.from, before.platform, async (index) => (await this.#other(index)).layers);
    // What --link copies depends on nothing below it, and is found again whatever that is.
    const upon = work.link ? [] : before.layers;
    const how: KeyPart = [work.target, owner ?? null, work.chmod, work.parents, work.add ? 'add' : 'copy'];
    if (origin.kind === 'context') {
      const { gather } = await import('./gather.ts');
      const gathered = await gather(session, work, statement, origin.tree, owner === undefined ? '0:0' : `${owner.uid}:${owner.gid}`);
      trace('context read');
      const key = this.#keyOf('copy', upon, [how, gathered.digest]);
      return this.#layerStep(before, step, key, async () => {
        const [{ runFileWork }, { commitLayer }] = await Promise.all([import('./file-step.ts'), import('./commit.ts')]);
        const upper = await runFileWork(session, {
          layers: upon,
          job: ({ root, scratch, aside }) => ({
            root,
            time: session.options.timestamp,
            copy: { target: work.target, owner, chmod: work.chmod, aside, selections: gathered.selections, archives: gathered.archives.map((file, index) => ({ file, scratch: scratch(index) })) },
          }),
        });
        return upper === undefined ? undefined : commitLayer(session, before.layers, upper, [], upon);
      }, work.link);
    }
    return this.#copyFromLayers(before, step, work, origin, how, owner, upon);
  }

  /** Where the other stage is the same as before, nothing is looked at; else the files that are copied decide. */
  async #copyFromLayers(before: StageResult, step: Step, work: CopyStep, origin: Origin & { kind: 'layers' }, how: KeyPart, owner: { readonly uid: number; readonly gid: number } | undefined, upon: readonly LayerRef[]): Promise<Done> {
    const session = this.#session;
    const sources = work.sources.flatMap((source) => ('path' in source ? [source.path] : []));
    if (sources.length !== work.sources.length) throw mistake(step.statement.source, step.statement.at, 'a here-document and --from do not go together');
    const key = this.#keyOf('copy-from', upon, [how, topOf(origin.layers), sources, work.exclude]);
    return this.#layerStep(before, step, key, async () => {
      let content = '';
      let found: CacheRecord | undefined;
      const [{ runFileWork }, { commitLayer }] = await Promise.all([import('./file-step.ts'), import('./commit.ts')]);
      const upper = await runFileWork(session, {
        layers: upon,
        source: origin.layers,
        job: ({ root, source, aside }) => ({ root, copy: { target: work.target, owner, chmod: work.chmod, aside, from: { tree: { root: source, escapes: 'stay' }, sources, parents: work.parents, exclude: work.exclude } } }),
        onDigest: (digest) => {
          content = this.#keyOf('copy-content', upon, [how, digest]);
          found = this.#find(content, work.link);
          return found === undefined;
        },
      });
      if (found !== undefined) return found;
      const layer = upper === undefined ? undefined : await commitLayer(session, before.layers, upper, [], upon);
      const made = this.#record(content, step, layer);
      this.#remember(made);
      return made;
    }, work.link);
  }

  /** A number alone is user and group, as Docker has it; names are looked up in the stage. */
  #chownOf(stage: StageResult, chown: string, statement: Statement): { readonly uid: number; readonly gid: number } {
    const plain = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(chown);
    if (plain !== null) return { uid: Number(plain[1]), gid: Number(plain[2] ?? plain[1]) };
    try {
      return this.#resolveUser(stage, chown);
    } catch (error) {
      throw mistakeAt(statement.source, statement.positionOf(0), error);
    }
  }

  #keyOf(kind: string, below: readonly LayerRef[], parts: KeyPart): string {
    return cacheKey(kind, [topOf(below), this.#session.options.timestamp ?? null, parts]);
  }

  /** In the store, or in a place of --cache-from. */
  async #findAnywhere(key: string, below: readonly LayerRef[], linked = false): Promise<CacheRecord | undefined> {
    const here = this.#find(key, linked);
    if (here !== undefined || !this.#cached || this.#session.options.cacheFrom.length === 0) return here;
    const { importCached } = await import('./cache-places.ts');
    const found = await importCached(this.#session, key, linked ? undefined : below, this.#newerThan());
    if (found !== undefined) this.#remember(found);
    return found;
  }

  #newerThan(): number {
    const { cacheTtl } = this.#session.options;
    return cacheTtl === undefined ? 0 : Date.now() - cacheTtl;
  }

  #find(key: string, linked = false): CacheRecord | undefined {
    if (!this.#cached) return undefined;
    const own = this.#session.used.get(key);
    if (own !== undefined) return own;
    return this.#session.find(key, { newerThan: this.#newerThan(), blobOnly: linked });
  }

  #remember(record: CacheRecord): void {
    if (this.#session.options.layers) this.#session.remember(record);
  }

  #record(key: string, step: Step, layer: LayerRef | undefined): CacheRecord {
    return { format: CACHE_FORMAT, key, created: this.#session.now(), step: step.createdBy, ...(layer === undefined ? {} : { layer }) };
  }

  /**
   * @param execute gives the new layer, or the record of an earlier step that came to the same
   * @param linked the layer is put upon whatever is below
   */
  async #layerStep(before: StageResult, step: Step, key: string, execute: () => Promise<LayerRef | CacheRecord | undefined>, linked = false): Promise<Done> {
    const session = this.#session;
    const { record, cached } = await session.once(key, async () => {
      const found = await this.#findAnywhere(key, before.layers, linked);
      if (found !== undefined) {
        touchCached(session.engine.store, key);
        session.used.set(key, found);
        return { record: found, cached: true };
      }
      const outcome = await session.gate.pass(async () => {
        session.checkAborted();
        session.hold();
        return execute();
      });
      // What turned out to be the result of an earlier step keeps its time.
      const made: CacheRecord = outcome !== undefined && 'key' in outcome ? { ...outcome, key } : this.#record(key, step, outcome);
      this.#remember(made);
      return { record: made, cached: false };
    });
    const { created } = record;
    const layer = linked && record.layer !== undefined ? await (await import('./commit.ts')).graftLayer(session, before.layers, record.layer) : record.layer;
    const entry: HistoryEntry = { created, created_by: step.createdBy, ...(layer === undefined ? { empty_layer: true } : {}) };
    const value: StageResult = {
      ...before,
      state: step.state,
      created,
      layers: layer === undefined ? before.layers : [...before.layers, layer],
      history: [...before.history, entry],
      key: cacheKey('after', [before.key, key]),
    };
    return { value, result: cached ? 'cached' : 'ok' };
  }
}

interface Done {
  readonly value: StageResult;
  readonly result: 'cached' | 'ok';
}
