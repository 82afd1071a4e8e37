import { expect, test } from 'vitest';
import { parseContainerfile } from '../../../../src/build/containerfile/file.ts';
import { planStages, type StageChoices, type StagePlan } from '../../../../src/build/plan/stages.ts';

const platform = { os: 'linux', architecture: 'amd64' };

function plan(text: string, more: Partial<StageChoices> & { readonly given?: Record<string, string> } = {}): StagePlan {
  const args = { values: new Map(Object.entries(more.given ?? {})), used: new Set<string>() };
  return planStages(parseContainerfile('Containerfile', text), { buildPlatform: platform, targetPlatform: platform, args, ...more });
}

const FOUR = 'FROM a AS base\nFROM base AS one\nRUN x\nFROM b AS two\nCOPY --from=one /x /x\nFROM scratch AS unused\nFROM scratch\nCOPY --from=two / /\nRUN --mount=type=bind,from=0,target=/m y';

test('stages that the target does not need are left out', () => {
  const { order, target } = plan(FOUR);
  expect(order).toEqual([0, 1, 2, 4]);
  expect(target.stage.index).toBe(4);
});

test('--target takes a name in any case, or a number', () => {
  expect(plan(FOUR, { target: 'ONE' }).order).toEqual([0, 1]);
  expect(plan(FOUR, { target: '2' }).order).toEqual([0, 1, 2]);
  expect(() => plan(FOUR, { target: 'onee' })).toThrow('there is no stage "onee" in Containerfile');
});

test('a stage is used by name also before it is written down', () => {
  expect(plan('FROM a AS x\nCOPY --from=later / /\nFROM b AS later\nFROM x').order).toEqual([1, 0, 2]);
});

test('stages in a circle are refused, with the line that closes it', () => {
  expect(() => plan('FROM a AS x\nCOPY --from=y / /\nFROM b AS y\nRUN a\nCOPY --from=x / /')).toThrow(/^Containerfile:2:1: the stages need each other in a circle: y → x → y$/);
  expect(() => plan('FROM a AS x\nCOPY --from=x / /')).toThrow(/circle: x → x/);
});

test('a number beyond the last stage is refused', () => {
  expect(() => plan('FROM a\nRUN x\nCOPY --from=7 / /')).toThrow(/^Containerfile:3:1: there is no stage 7$/);
});

test('FROM sees arguments before the first FROM, what was given, and the platforms', () => {
  const text = 'ARG v=1\nARG image=base:$v\nFROM $image-$TARGETARCH AS x\nFROM ${missing:-other}';
  expect(plan(text, { target: 'x' }).target.base).toEqual({ kind: 'image', name: 'base:1-amd64' });
  expect(plan(text, { target: 'x', given: { v: '2' } }).target.base).toEqual({ kind: 'image', name: 'base:2-amd64' });
  expect(plan(text).target.base).toEqual({ kind: 'image', name: 'other' });
});

test('an argument without a value makes no image, and the hint says what to do', () => {
  expect(() => plan('FROM a\nARG image=x\nFROM $image')).toThrow(/^Containerfile:3:1: the base name "\$image" comes to ""/);
});

test('--from takes the place of the first image', () => {
  expect(plan('FROM a AS x', { from: 'b' }).target.base).toEqual({ kind: 'image', name: 'b' });
});

test('FROM --platform', () => {
  expect(plan('FROM --platform=$BUILDPLATFORM a', { targetPlatform: { os: 'linux', architecture: 'arm64' } }).target.platform).toEqual(platform);
  expect(() => plan('FROM --platform=a/b/c/d x')).toThrow(/^Containerfile:1:1: invalid platform/);
});
