/** --check: habits that lead to surprises, by the names of BuildKit's rules (its page "Build checks"). Pure. */
import { expand, ExpansionError } from './containerfile/expand.ts';
import type { Containerfile, Stage } from './containerfile/file.ts';
import type { Copy, StepInstruction } from './containerfile/instructions.ts';
import type { Position } from './containerfile/source.ts';
import type { Statement } from './containerfile/statements.ts';
import { splitWords } from './containerfile/words.ts';
import type { IgnoreRules } from './files/ignore.ts';
import { PROXY_ARGS } from './plan/scope.ts';
import { nearest } from '../spec/suggestion.ts';

export interface Finding {
  /** Its name, e.g. `JSONArgsRecommended`. */
  readonly rule: string;
  readonly at: Position;
  readonly text: string;
}

export interface CheckResult {
  readonly findings: readonly Finding[];
  /** `# check=error=true`: a finding is an error also for a build. */
  readonly isError: boolean;
}

const PLATFORM_ARGS = ['BUILDPLATFORM', 'BUILDOS', 'BUILDARCH', 'BUILDVARIANT', 'TARGETPLATFORM', 'TARGETOS', 'TARGETARCH', 'TARGETVARIANT', 'TARGETSTAGE'];
/** Variables that a base image may well set. */
const USUAL_VARIABLES = ['PATH', 'HOME', 'USER', 'LANG', 'HOSTNAME', 'PWD', 'SHELL', 'TERM'];
const SECRET_NAME = /(?:^|_)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token|pwd)(?:_|$)/i;
const NO_SECRET_NAME = /(?:^|_)(?:public|pub|file|path|id|name|url|uri)(?:_|$)/i;

/** @param ignore what the context leaves out */
export function checkContainerfile(file: Containerfile, ignore: IgnoreRules): CheckResult {
  const { skip, isError } = directive(file.directives.check);
  const findings = [...casing(file), ...stageNames(file), ...froms(file), ...file.stages.flatMap((stage) => checkStage(file, stage, ignore))];
  const kept = skip.includes('all') ? [] : findings.filter(({ rule }) => !skip.includes(rule.toLowerCase()));
  return { findings: kept.sort((a, b) => a.at.line - b.at.line || a.at.column - b.at.column), isError };
}

/** `skip=RuleA,RuleB;error=true` */
function directive(text: string | undefined): { readonly skip: readonly string[]; readonly isError: boolean } {
  const parts = new Map((text ?? '').split(';').map((part) => [part.split('=', 1)[0]?.trim().toLowerCase(), part.slice(part.indexOf('=') + 1).trim()]));
  return { skip: (parts.get('skip') ?? '').toLowerCase().split(',').map((name) => name.trim()), isError: parts.get('error') === 'true' };
}

function statementsOf(file: Containerfile): Statement[] {
  return [...file.globalArgs.map((arg) => arg.statement), ...file.stages.flatMap((stage) => [stage.from.statement, ...stage.steps.map((step) => step.statement)])];
}

function casing(file: Containerfile): Finding[] {
  const statements = statementsOf(file);
  const lower = statements.filter(({ written }) => written === written.toLowerCase()).length;
  const majority = lower > statements.length - lower ? 'lowercase' : 'uppercase';
  const findings = statements.flatMap((statement): Finding[] => {
    const { written, at } = statement;
    const fits = majority === 'lowercase' ? written === written.toLowerCase() : written === written.toUpperCase();
    return fits ? [] : [{ rule: 'ConsistentInstructionCasing', at, text: `Command '${written}' should match the case of the command majority (${majority})` }];
  });
  const empty = statements.flatMap(({ emptyContinuations }) => emptyContinuations.map((line): Finding => ({ rule: 'NoEmptyContinuation', at: { line, column: 1 }, text: 'Empty continuation line' })));
  return [...findings, ...empty];
}

function stageNames(file: Containerfile): Finding[] {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const { from } of file.stages) {
    const { statement } = from;
    const [, as, name] = splitWords(statement.text, statement.escape).filter(({ word }) => !word.startsWith('--'));
    if (as === undefined || name === undefined) continue;
    const isUpper = statement.written === statement.written.toUpperCase();
    if (as.word !== (isUpper ? as.word.toUpperCase() : as.word.toLowerCase())) findings.push({ rule: 'FromAsCasing', at: statement.positionOf(as.offset), text: `'${as.word}' and '${statement.written}' keywords' casing do not match` });
    const at = statement.positionOf(name.offset);
    if (name.word !== name.word.toLowerCase()) findings.push({ rule: 'StageNameCasing', at, text: `Stage name '${name.word}' should be lowercase` });
    const lower = name.word.toLowerCase();
    if (['scratch', 'context'].includes(lower)) findings.push({ rule: 'ReservedStageName', at, text: `Stage name should not use the same name as reserved stage "${lower}"` });
    if (seen.has(lower)) findings.push({ rule: 'DuplicateStageName', at, text: `Duplicate stage name "${lower}", stage names should be unique` });
    seen.add(lower);
  }
  return findings;
}

function froms(file: Containerfile): Finding[] {
  const declared = new Set(file.globalArgs.flatMap((arg) => arg.items.map(({ name }) => name)));
  const values = new Map(file.globalArgs.flatMap((arg) => arg.items.flatMap((item) => (item.value === undefined ? [] : [[item.name, item.value] as const]))));
  return file.stages.flatMap(({ from }): Finding[] => {
    const { statement, platform } = from;
    const at = statement.at;
    const findings: Finding[] = [];
    if (platform !== undefined) {
      if (/^\$\{?TARGETPLATFORM\}?$/.test(platform)) findings.push({ rule: 'RedundantTargetPlatform', at, text: 'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior' });
      else if (!platform.includes('$')) findings.push({ rule: 'FromPlatformFlagConstDisallowed', at, text: `FROM --platform flag should not use constant value "${platform}"` });
    }
    const unset = unsetNames(from.image, statement, (name) => declared.has(name) || PLATFORM_ARGS.includes(name));
    for (const name of unset) findings.push({ rule: 'UndefinedArgInFrom', at, text: `FROM argument '${name}' is not declared${meant(name, [...declared])}` });
    if (unset.length === 0 && /\$/.test(from.image) && !validWithDefaults(from.image, statement, values)) findings.push({ rule: 'InvalidDefaultArgInFrom', at, text: `Default value for ARG ${from.image} results in empty or invalid base image name` });
    return findings;
  });
}

function validWithDefaults(image: string, statement: Statement, values: ReadonlyMap<string, string>): boolean {
  try {
    const name = expand(image, (variable) => values.get(variable) ?? (PLATFORM_ARGS.includes(variable) ? 'x' : ''), { escape: statement.escape });
    return /^[a-z0-9]+(?:[._:/@-]+[A-Za-z0-9_]+)*$/.test(name);
  } catch (error) {
    if (error instanceof ExpansionError) return false;
    throw error;
  }
}

function checkStage(file: Containerfile, stage: Stage, ignore: IgnoreRules): Finding[] {
  const findings: Finding[] = [];
  const known = new Set<string>([...USUAL_VARIABLES, ...inheritedVariables(file, stage)]);
  let workdirSet = false;
  const last = new Map<string, StepInstruction>();
  for (const step of stage.steps) {
    const { statement } = step;
    const { at } = statement;
    for (const name of variablesOf(step, (word) => unsetNames(word, statement, (candidate) => known.has(candidate)))) {
      findings.push({ rule: 'UndefinedVar', at, text: `Usage of undefined variable '$${name}'${meant(name, [...known].filter((candidate) => !USUAL_VARIABLES.includes(candidate)))}` });
    }
    switch (step.kind) {
      case 'ARG':
        for (const item of step.items) {
          if (isSecretName(item.name)) findings.push({ rule: 'SecretsUsedInArgOrEnv', at: item.at, text: `Do not use ARG or ENV instructions for sensitive data (ARG "${item.name}")` });
          known.add(item.name);
        }
        break;
      case 'ENV':
      case 'LABEL':
        if (step.legacy) findings.push({ rule: 'LegacyKeyValueFormat', at, text: `"${step.kind} key=value" should be used instead of legacy "${step.kind} key value" format` });
        if (step.kind === 'LABEL') break;
        for (const pair of step.pairs) {
          if (isSecretName(pair.key)) findings.push({ rule: 'SecretsUsedInArgOrEnv', at: pair.at, text: `Do not use ARG or ENV instructions for sensitive data (ENV "${pair.key}")` });
          known.add(pair.key);
        }
        break;
      case 'MAINTAINER':
        findings.push({ rule: 'MaintainerDeprecated', at, text: 'Maintainer instruction is deprecated in favor of using label' });
        break;
      case 'WORKDIR':
        if (!workdirSet && !step.text.startsWith('/') && !step.text.startsWith('$')) findings.push({ rule: 'WorkdirRelativePath', at, text: `Relative workdir "${step.text}" can have unexpected results if the base image changes` });
        workdirSet = true;
        break;
      case 'CMD':
      case 'ENTRYPOINT':
        if ('shell' in step.command && !stage.steps.some((other) => other.kind === 'SHELL')) findings.push({ rule: 'JSONArgsRecommended', at, text: `JSON arguments recommended for ${step.kind} to prevent unintended behavior related to OS signals` });
        break;
      case 'EXPOSE':
        findings.push(...expose(step.text, at));
        break;
      case 'COPY':
      case 'ADD':
        findings.push(...ignored(step, ignore));
        break;
      default:
        break;
    }
    if (step.kind === 'CMD' || step.kind === 'ENTRYPOINT' || step.kind === 'HEALTHCHECK') {
      const before = last.get(step.kind);
      if (before !== undefined) findings.push({ rule: 'MultipleInstructionsDisallowed', at: before.statement.at, text: `Multiple ${step.kind} instructions should not be used in the same stage because only the last one will be used` });
      last.set(step.kind, step);
    }
  }
  return findings;
}

/** What the stage that a stage is built upon sets. (Of any other image nobody knows; arguments are not inherited.) */
function inheritedVariables(file: Containerfile, stage: Stage): string[] {
  const base = file.stages.slice(0, stage.index).findLast((other) => other.from.name === stage.from.image.toLowerCase());
  if (base === undefined) return [];
  return [...inheritedVariables(file, base), ...base.steps.flatMap((step) => (step.kind === 'ENV' ? step.pairs.map((pair) => pair.key) : []))];
}

/** Words of an instruction in which variables are expanded. */
function variablesOf(step: StepInstruction, unset: (word: string) => readonly string[]): readonly string[] {
  switch (step.kind) {
    case 'ENV':
    case 'LABEL':
      return step.pairs.flatMap((pair) => unset(pair.value).filter((name) => name !== pair.key));
    case 'COPY':
    case 'ADD':
      return [...step.sources.flatMap((source) => ('path' in source ? unset(source.path) : [])), ...unset(step.target)];
    case 'WORKDIR':
    case 'USER':
    case 'STOPSIGNAL':
    case 'EXPOSE':
      return unset(step.text);
    case 'VOLUME':
      return step.paths.flatMap(unset);
    default:
      return [];
  }
}

/** Variables that a word needs: those with a default do not count. */
function unsetNames(word: string, statement: Statement, known: (name: string) => boolean): string[] {
  const unset: string[] = [];
  try {
    expand(word, (name) => (known(name) ? 'x' : undefined), { escape: statement.escape, onUnset: (name) => unset.push(name) });
  } catch (error) {
    if (!(error instanceof ExpansionError)) throw error; // the build itself will say what is wrong
  }
  return unset;
}

function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) && !NO_SECRET_NAME.test(name) && !PROXY_ARGS.includes(name);
}

function expose(text: string, at: Position): Finding[] {
  return text.split(/\s+/).flatMap((port): Finding[] => {
    if (port.includes('$')) return [];
    if (/:/.test(port)) return [{ rule: 'ExposeInvalidFormat', at, text: `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'` }];
    const protocol = port.split('/')[1];
    return protocol !== undefined && protocol !== protocol.toLowerCase() ? [{ rule: 'ExposeProtoCasing', at, text: `Defined protocol '${port}' in EXPOSE instruction should be lowercase` }] : [];
  });
}

function ignored(step: Copy, ignore: IgnoreRules): Finding[] {
  if (step.from !== undefined || ignore.count === 0) return [];
  return step.sources.flatMap((source): Finding[] => {
    if (!('path' in source) || /[$*?[]|^https?:|^git@/.test(source.path)) return [];
    const path = source.path.replace(/^\.?\/+/, '').replace(/\/$/, '');
    return path !== '' && path !== '.' && ignore.ignores(path) ? [{ rule: 'CopyIgnoredFile', at: source.at, text: `Attempting to ${step.kind === 'ADD' ? 'Add' : 'Copy'} file "${source.path}" that is excluded by .dockerignore` }] : [];
  });
}

function meant(name: string, candidates: readonly string[]): string {
  const near = nearest(name, candidates);
  return near === undefined ? '' : ` (did you mean ${near}?)`;
}
