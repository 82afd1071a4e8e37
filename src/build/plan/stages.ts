/** Which stages a build needs, what each is built upon, and in which order they may come. Pure. */
import { formatPlatform, parsePlatform, type Platform } from '../../oci/platform.ts';
import { nearest } from '../../spec/suggestion.ts';
import type { Containerfile, Stage } from '../containerfile/file.ts';
import type { StepInstruction } from '../containerfile/instructions.ts';
import { mistake, mistakeAt } from '../containerfile/source.ts';
import { ScullError } from '../../host/errors.ts';
import { expandAt, globalScope, platformArgs, type GivenArgs, type Values } from './scope.ts';

export type Base =
  | { readonly kind: 'stage'; readonly index: number }
  | { readonly kind: 'scratch' }
  /** An image, or a named context of that name. */
  | { readonly kind: 'image'; readonly name: string };

export interface PlannedStage {
  readonly stage: Stage;
  readonly name: string | undefined;
  readonly base: Base;
  readonly platform: Platform;
  /** Stages it copies or mounts from, as far as that is known before its variables are. */
  readonly uses: readonly number[];
}

export interface StagePlan {
  readonly stages: readonly PlannedStage[];
  readonly target: PlannedStage;
  /** Indices of the stages that are needed, each after those it needs. */
  readonly order: readonly number[];
  readonly global: Values;
  readonly platform: Values;
}

export interface StageChoices {
  readonly target?: string | undefined;
  readonly buildPlatform: Platform;
  readonly targetPlatform: Platform;
  readonly args: GivenArgs;
  /** --from: instead of the first FROM's image. */
  readonly from?: string | undefined;
  /** Names of --build-context: they stand for no stage of the file. */
  readonly contexts?: ReadonlySet<string>;
}

const NO_CONTEXTS: ReadonlySet<string> = new Set();

/** @throws ScullError INVALID for an unknown target, a stage that needs itself, a variable without a value in FROM */
export function planStages(file: Containerfile, choices: StageChoices): StagePlan {
  const targetStage = findTarget(file, choices.target);
  const platform = platformArgs(choices.buildPlatform, choices.targetPlatform, targetStage.from.name ?? 'default');
  const global = globalScope(file.globalArgs, choices.args, platform);
  const stages: PlannedStage[] = [];
  for (const stage of file.stages) stages.push(planStage(file, stage, stages, global, platform, choices));
  const withUses = stages.map((planned) => ({ ...planned, uses: usesOf(file, planned.stage, choices.contexts ?? NO_CONTEXTS) }));
  const order = orderOf(file, withUses, targetStage.index);
  return { stages: withUses, target: withUses[targetStage.index] as PlannedStage, order, global, platform };
}

function findTarget(file: Containerfile, target: string | undefined): Stage {
  const last = file.stages.at(-1) as Stage;
  if (target === undefined || target === '') return last;
  const found = findStage(file.stages, target);
  if (found !== undefined) return found;
  const names = file.stages.flatMap((stage) => stage.from.name ?? []);
  const meant = nearest(target.toLowerCase(), names);
  throw new ScullError('INVALID', `there is no stage ${JSON.stringify(target)} in ${file.source.name}`, {
    hint: meant === undefined ? names.length > 0 ? `its stages are ${names.join(', ')}` : last.index === 0 ? 'its only stage is 0' : `its stages are 0 to ${last.index}` : `did you mean ${meant}?`,
  });
}

/** By name (of several of that name the last), or by number. */
export function findStage(stages: readonly Stage[], name: string): Stage | undefined {
  const wanted = name.toLowerCase();
  return stages.findLast((stage) => stage.from.name === wanted) ?? (/^\d+$/.test(wanted) ? stages[Number(wanted)] : undefined);
}

function planStage(file: Containerfile, stage: Stage, before: readonly PlannedStage[], global: Values, platform: Values, choices: StageChoices): PlannedStage {
  const { from } = stage;
  const { statement } = from;
  const unset: string[] = [];
  const lookup = (name: string): string | undefined => global.get(name) ?? platform.get(name);
  const image = expandAt(statement, from.image, statement.at, lookup, (name) => unset.push(name));
  if (image === '' || /[\s]/.test(image)) {
    const missing = unset[0];
    throw mistake(file.source, statement.at, `the base name ${JSON.stringify(from.image)} comes to ${JSON.stringify(image)}`, {
      hint: missing === undefined ? 'name an image or a stage' : `declare ARG ${missing}=… before the first FROM, or give --build-arg ${missing}=…; an ARG inside a stage does not count for FROM`,
    });
  }
  let own = choices.targetPlatform;
  if (from.platform !== undefined) {
    const text = expandAt(statement, from.platform, statement.at, lookup);
    try {
      own = parsePlatform(text === '' ? formatPlatform(choices.targetPlatform) : text);
    } catch (error) {
      throw mistakeAt(file.source, statement.at, error);
    }
  }
  const earlier = choices.contexts?.has(image) === true ? undefined : before.findLast((candidate) => candidate.name === image.toLowerCase());
  const name = stage.index === 0 && choices.from !== undefined ? choices.from : image;
  const base: Base = earlier !== undefined ? { kind: 'stage', index: earlier.stage.index } : name === 'scratch' ? { kind: 'scratch' } : { kind: 'image', name };
  return { stage, name: from.name, base, platform: own, uses: [] };
}

/** `from` of an instruction: COPY --from, RUN --mount=from=…; not yet expanded. */
function sourcesOf(step: StepInstruction): readonly string[] {
  if (step.kind === 'COPY' && step.from !== undefined) return [step.from];
  if (step.kind === 'RUN') return step.mounts.flatMap((mount) => /(?:^|,)from=([^,]+)/.exec(mount)?.[1] ?? []);
  return [];
}

function usesOf(file: Containerfile, stage: Stage, contexts: ReadonlySet<string>): readonly number[] {
  const uses = new Set<number>();
  for (const step of stage.steps) {
    for (const from of sourcesOf(step)) {
      if (from.includes('$') || contexts.has(from)) continue;
      const found = findStage(file.stages, from);
      if (found !== undefined) uses.add(found.index);
      else if (/^\d+$/.test(from)) throw mistake(file.source, step.statement.at, `there is no stage ${from}`, { hint: `stages are counted from 0, and the last is ${file.stages.length - 1}` });
    }
  }
  return [...uses];
}

/** Depth first; a stage that is met again while it is still open needs itself. */
function orderOf(file: Containerfile, stages: readonly PlannedStage[], target: number): readonly number[] {
  const order: number[] = [];
  const open: number[] = [];
  const visit = (index: number): void => {
    if (order.includes(index)) return;
    const planned = stages[index] as PlannedStage;
    if (open.includes(index)) throw cycle(file, stages, [...open.slice(open.indexOf(index)), index]);
    open.push(index);
    for (const needed of [...(planned.base.kind === 'stage' ? [planned.base.index] : []), ...planned.uses]) visit(needed);
    open.pop();
    order.push(index);
  };
  visit(target);
  return order;
}

/** @param loop indices, the first and the last the same */
export function cycle(file: Containerfile, stages: readonly PlannedStage[], loop: readonly number[]): Error {
  const name = (index: number): string => stages[index]?.name ?? String(index);
  const from = stages[loop.at(-2) as number] as PlannedStage;
  const to = loop.at(-1) as number;
  const step = from.stage.steps.find((candidate) => sourcesOf(candidate).some((source) => findStage(file.stages, source)?.index === to));
  return mistake(file.source, (step ?? from.stage.from).statement.at, `the stages need each other in a circle: ${loop.map(name).join(' → ')}`, { hint: 'move what both need to a stage of its own' });
}
