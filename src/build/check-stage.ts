/** What --check says of the instructions of one stage. Pure. */
import { expand, ExpansionError, unsetNames } from './containerfile/expand.ts';
import type { Containerfile, Stage } from './containerfile/file.ts';
import type { Copy, StepInstruction } from './containerfile/instructions.ts';
import type { Position } from './containerfile/source.ts';
import type { IgnoreRules } from './files/ignore.ts';
import { findStage } from './plan/stages.ts';
import { nearest } from '../spec/suggestion.ts';

export interface Finding {
  /** Its name, e.g. `JSONArgsRecommended`. */
  readonly rule: string;
  readonly at: Position;
  readonly text: string;
}

export interface StageChecks {
  /** What the context leaves out. */
  readonly ignore: IgnoreRules;
  /** What is known of the image that a stage begins with; undefined where it is not here. */
  readonly base?: (stage: Stage) => KnownBase | undefined;
}

export interface KnownBase {
  /** Names of variables that it sets. */
  readonly variables: readonly string[];
  /** It is for another platform than the stage. */
  readonly platformMismatch?: { readonly expected: string; readonly actual: string } | undefined;
}

/** Variables that an image nobody knows may well set. */
const USUAL_VARIABLES = ['PATH', 'HOME', 'USER', 'LANG', 'HOSTNAME', 'PWD', 'SHELL', 'TERM'];
const SECRET_NAME = /(?:^|_)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const NO_SECRET_NAME = /(?:^|_)(?:public|file|version)(?:_|$)/i;

/** How far a stage is read. What it was built upon counts, as for the stage itself. */
interface Reading {
  /** Names that have been set or declared. */
  readonly known: Set<string>;
  /** Values that stand in the file. */
  readonly values: Map<string, string>;
  workdirSet: boolean;
  shellSet: boolean;
}

export function checkStage(file: Containerfile, stage: Stage, checks: StageChecks): Finding[] {
  const reading = readingOfBase(file, stage, checks);
  const findings: Finding[] = [];
  const last = new Map<string, StepInstruction>();
  for (const step of stage.steps) {
    findings.push(...undefinedVariables(step, reading), ...checkStep(step, reading, checks));
    if (step.kind === 'CMD' || step.kind === 'ENTRYPOINT' || step.kind === 'HEALTHCHECK') {
      const before = last.get(step.kind);
      if (before !== undefined) findings.push({ rule: 'MultipleInstructionsDisallowed', at: before.statement.at, text: `Multiple ${step.statement.written} instructions should not be used in the same stage because only the last one will be used` });
      last.set(step.kind, step);
    }
    take(step, reading);
  }
  return findings;
}

function readingOfBase(file: Containerfile, stage: Stage, checks: StageChecks): Reading {
  const parent = findStage(file.stages.slice(0, stage.index), stage.from.image);
  if (parent === undefined) return { known: new Set(checks.base?.(stage)?.variables ?? USUAL_VARIABLES), values: new Map(), workdirSet: false, shellSet: false };
  const reading = readingOfBase(file, parent, checks);
  for (const step of parent.steps) if (step.kind !== 'ARG') take(step, reading); // arguments end with their stage
  return reading;
}

/** What an instruction means for those after it. */
function take(step: StepInstruction, reading: Reading): void {
  if (step.kind === 'ENV') {
    for (const { key, value } of step.pairs) {
      reading.known.add(key);
      reading.values.set(key, expanded(value, step, reading));
    }
  } else if (step.kind === 'ARG') {
    for (const { name, value } of step.items) {
      reading.known.add(name);
      if (value !== undefined) reading.values.set(name, expanded(value, step, reading));
    }
  } else if (step.kind === 'WORKDIR') reading.workdirSet = true;
  else if (step.kind === 'SHELL') reading.shellSet = true;
}

function checkStep(step: StepInstruction, reading: Reading, { ignore }: StageChecks): Finding[] {
  const { at, written } = step.statement;
  switch (step.kind) {
    case 'ARG':
      return step.items.flatMap((item) => secret('ARG', item.name, item.at));
    case 'ENV':
    case 'LABEL': {
      const legacy: Finding[] = step.legacy ? [{ rule: 'LegacyKeyValueFormat', at, text: `"${written} key=value" should be used instead of legacy "${written} key value" format` }] : [];
      return step.kind === 'LABEL' ? legacy : [...legacy, ...step.pairs.flatMap((pair) => secret('ENV', pair.key, pair.at))];
    }
    case 'MAINTAINER':
      return [{ rule: 'MaintainerDeprecated', at, text: 'Maintainer instruction is deprecated in favor of using label' }];
    case 'WORKDIR': {
      const path = expanded(step.text, step, reading);
      return reading.workdirSet || path.startsWith('/') ? [] : [{ rule: 'WorkdirRelativePath', at, text: `Relative workdir ${JSON.stringify(path)} can have unexpected results if the base image changes` }];
    }
    case 'CMD':
    case 'ENTRYPOINT':
      return 'exec' in step.command || reading.shellSet ? [] : [{ rule: 'JSONArgsRecommended', at, text: `JSON arguments recommended for ${written} to prevent unintended behavior related to OS signals` }];
    case 'EXPOSE':
      return expanded(step.text, step, reading).split(/\s+/).flatMap((port) => expose(port, at));
    case 'COPY':
    case 'ADD':
      return ignored(step, ignore);
    default:
      return [];
  }
}

/** With the values that stand in the file; as it is where it can't be read. */
function expanded(text: string, step: StepInstruction, reading: Reading): string {
  try {
    return expand(text, (name) => reading.values.get(name), { escape: step.statement.escape });
  } catch (error) {
    if (error instanceof ExpansionError) return text; // the build itself will say what is wrong
    throw error;
  }
}

function undefinedVariables(step: StepInstruction, { known }: Reading): Finding[] {
  const names = new Set(wordsOf(step).flatMap((word) => unsetNames(word, step.statement.escape, (name) => known.has(name))));
  return [...names].map((name) => {
    const near = nearest(name, [...known]);
    return { rule: 'UndefinedVar', at: step.statement.at, text: `Usage of undefined variable '$${name}'${near === undefined ? '' : ` (did you mean $${near}?)`}` };
  });
}

/** Words of an instruction in which variables are expanded. */
function wordsOf(step: StepInstruction): readonly string[] {
  switch (step.kind) {
    case 'ARG':
      return step.items.flatMap(({ value }) => value ?? []);
    case 'ENV':
    case 'LABEL':
      return step.pairs.map(({ value }) => value);
    case 'COPY':
    case 'ADD':
      return [...step.sources.flatMap((source) => ('path' in source ? [source.path] : [])), step.target, step.chown ?? '', step.chmod ?? ''];
    case 'WORKDIR':
    case 'USER':
    case 'STOPSIGNAL':
    case 'EXPOSE':
      return [step.text];
    case 'VOLUME':
      return step.paths;
    default:
      return [];
  }
}

function secret(instruction: string, name: string, at: Position): Finding[] {
  if (!SECRET_NAME.test(name) || NO_SECRET_NAME.test(name)) return [];
  return [{ rule: 'SecretsUsedInArgOrEnv', at, text: `Do not use ARG or ENV instructions for sensitive data (${instruction} "${name}")` }];
}

function expose(port: string, at: Position): Finding[] {
  const findings: Finding[] = [];
  const protocol = /\/([^/]*)$/.exec(port)?.[1] ?? '';
  if (protocol !== protocol.toLowerCase()) findings.push({ rule: 'ExposeProtoCasing', at, text: `Defined protocol '${port}' in EXPOSE instruction should be lowercase` });
  if (port.includes(':')) findings.push({ rule: 'ExposeInvalidFormat', at, text: `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'` });
  return findings;
}

/** Whether something of an ignored directory is taken back in by a pattern with `!` is not worked out. */
function ignored(step: Copy, ignore: IgnoreRules): Finding[] {
  if (step.from !== undefined || ignore.count === 0 || !ignore.prunes) return [];
  return step.sources.flatMap((source): Finding[] => {
    if (!('path' in source) || /\$|^https?:|^git@|^ssh:/.test(source.path)) return [];
    const path = source.path.replace(/^(?:\.?\/+)+/, '').replace(/\/+$/, '');
    const isRoot = path === '' || path === '.';
    // The root of the context can't be ignored, but all that is in it can.
    if (!ignore.ignores(isRoot ? '?' : path)) return [];
    return [{ rule: 'CopyIgnoredFile', at: step.statement.at, text: `Attempting to ${step.kind === 'ADD' ? 'Add' : 'Copy'} file "${isRoot ? '.' : path}" that is excluded by .dockerignore` }];
  });
}
