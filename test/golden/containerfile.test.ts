/**
 * One file per case under containerfile/: what a Containerfile means.
 *
 *   file    its lines
 *   given   --build-arg
 *   base    the `config` object of every image that a FROM names
 *   expect  for each stage that is needed, by its number: the history, and of the configuration and of the work what is
 *           named here
 *   throws  a part of the message
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseContainerfile } from '../../src/build/containerfile/file.ts';
import { inheritedConfig } from '../../src/build/plan/config.ts';
import { planStages } from '../../src/build/plan/stages.ts';
import { evaluate, type StageState, type Step } from '../../src/build/plan/step.ts';
import type { ImageRuntimeConfig } from '../../src/oci/image.ts';

const FOLDER = join(import.meta.dirname, 'containerfile');
const PLATFORM = { os: 'linux', architecture: 'amd64' };

interface Case {
  readonly description: string;
  readonly file: readonly string[];
  readonly given?: Readonly<Record<string, string>>;
  readonly base?: ImageRuntimeConfig;
  readonly expect?: Readonly<Record<string, { readonly history: readonly string[]; readonly config?: object; readonly work?: readonly object[] }>>;
  readonly throws?: string;
}

function build(one: Case): Record<string, { history: string[]; config: ImageRuntimeConfig; work: object[] }> {
  const file = parseContainerfile('Containerfile', one.file.join('\n'));
  const given = { values: new Map(Object.entries(one.given ?? {})), used: new Set<string>() };
  const plan = planStages(file, { buildPlatform: PLATFORM, targetPlatform: PLATFORM, args: given });
  const configs = new Map<number, ImageRuntimeConfig>();
  const result: ReturnType<typeof build> = {};
  for (const index of plan.order) {
    const planned = plan.stages[index]!;
    const base = planned.base.kind === 'stage' ? configs.get(planned.base.index) : planned.base.kind === 'image' ? one.base : undefined;
    let state: StageState = { config: inheritedConfig(base), args: new Map(), ownCommand: false };
    const steps: Step[] = [];
    for (const instruction of planned.stage.steps) {
      const step = evaluate(instruction, state, { given, global: plan.global, platform: plan.platform });
      state = step.state;
      steps.push(step);
    }
    configs.set(index, state.config);
    result[index] = { history: steps.map((step) => step.createdBy), config: state.config, work: steps.map((step) => step.work).filter((work) => work.kind !== 'config') };
  }
  return result;
}

describe('a Containerfile means what Docker says', () => {
  for (const name of readdirSync(FOLDER).sort()) {
    const one = JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Case;
    it(`${name.replace('.json', '')}: ${one.description}`, () => {
      if (one.throws !== undefined) {
        expect(() => build(one)).toThrow(one.throws);
        return;
      }
      const built = build(one);
      expect(Object.keys(built)).toEqual(Object.keys(one.expect!));
      for (const [stage, wanted] of Object.entries(one.expect!)) {
        expect(built[stage]!.history).toEqual(wanted.history);
        if (wanted.config !== undefined) expect(built[stage]!.config).toMatchObject(wanted.config);
        if (wanted.work !== undefined) expect(built[stage]!.work).toMatchObject(wanted.work);
      }
    });
  }
});
