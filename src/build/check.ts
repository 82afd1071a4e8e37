/**
 * --check: habits that lead to surprises, by the names of BuildKit's rules (docs.docker.com, "Build checks"). Pure. This file has
 * what can be said of a file as a whole and of its FROM lines; check-stage.ts has the rest.
 */
import { expand, ExpansionError, unsetNames } from './containerfile/expand.ts';
import type { Containerfile, Stage } from './containerfile/file.ts';
import { mistake, type Position } from './containerfile/source.ts';
import type { Statement } from './containerfile/statements.ts';
import { splitWords } from './containerfile/words.ts';
import { checkStage, type Finding, type StageChecks } from './check-stage.ts';
import { findStage } from './plan/stages.ts';
import { nearest } from '../spec/suggestion.ts';
import { ScullError } from '../host/errors.ts';

export type { Finding } from './check-stage.ts';

export interface CheckResult {
  readonly findings: readonly Finding[];
  /** `# check=error=true`: a finding is an error also for a build. */
  readonly isError: boolean;
}

export interface CheckOptions extends StageChecks {
  /** `skip=…;error=true;experimental=…` from the command line: instead of the file's own directive. */
  readonly settings?: string | undefined;
}

const PLATFORM_ARGS = ['BUILDPLATFORM', 'BUILDOS', 'BUILDARCH', 'BUILDVARIANT', 'TARGETPLATFORM', 'TARGETOS', 'TARGETARCH', 'TARGETVARIANT', 'TARGETSTAGE'];
/** Only where they are asked for. */
const EXPERIMENTAL = ['InvalidDefinitionDescription'];

/** @throws ScullError INVALID for settings that make no sense */
export function checkContainerfile(file: Containerfile, options: CheckOptions): CheckResult {
  const settings = options.settings === undefined ? settingsOf(file) : parseSettings(options.settings);
  const findings = [...casing(file), ...descriptions(file), ...stageNames(file), ...froms(file, options), ...file.stages.flatMap((stage) => checkStage(file, stage, options))];
  const kept = findings.filter(({ rule, at }) => isWanted(rule, settings) && !skippedThere(file, rule, at));
  return { findings: kept.sort((a, b) => a.at.line - b.at.line || a.at.column - b.at.column), isError: settings.isError };
}

/** Where BuildKit's documentation explains a rule; one has no page. */
export function ruleAddress(rule: string): string | undefined {
  if (rule === 'InvalidBaseImagePlatform') return undefined;
  const words = rule.replace(/([A-Z]+)([A-Z][a-z])/g, '$1-$2').replace(/([a-z])([A-Z])/g, '$1-$2');
  return `https://docs.docker.com/go/dockerfile/rule/${words.toLowerCase()}/`;
}

interface Settings {
  readonly skip: readonly string[];
  readonly experimental: readonly string[];
  readonly isError: boolean;
}

function settingsOf(file: Containerfile): Settings {
  const text = file.directives.check;
  try {
    return parseSettings(text ?? '');
  } catch (error) {
    const line = file.source.lines.findIndex((candidate) => /^#\s*check\s*=/i.test(candidate)) + 1;
    throw error instanceof ScullError ? mistake(file.source, { line: Math.max(1, line), column: 1 }, error.message, { hint: error.hint }) : error;
  }
}

/** `skip=RuleA,RuleB;error=true;experimental=all` */
function parseSettings(text: string): Settings {
  const settings: { skip: string[]; experimental: string[]; isError: boolean } = { skip: [], experimental: [], isError: false };
  for (const part of text.split(';')) {
    if (part.trim() === '') continue;
    const [name = '', value = ''] = part.includes('=') ? [part.slice(0, part.indexOf('=')).trim(), part.slice(part.indexOf('=') + 1).trim()] : [part.trim()];
    if (name === 'skip' || name === 'experimental') settings[name] = value.split(',').map((rule) => rule.trim());
    else if (name === 'error' && /^(?:true|false|1|0|t|f)$/i.test(value)) settings.isError = /^(?:true|1|t)$/i.test(value);
    else throw new ScullError('INVALID', `invalid check option ${JSON.stringify(part.trim())}`, { hint: 'there are skip=RULE,…, experimental=RULE,… and error=true, with semicolons between them; RULE may be all' });
  }
  return settings;
}

function isWanted(rule: string, { skip, experimental }: Settings): boolean {
  if (EXPERIMENTAL.includes(rule)) return experimental.includes('all') || experimental.includes(rule);
  return !skip.includes('all') && !skip.includes(rule);
}

/** A comment `# check=skip=RULE` directly above an instruction holds for that one. */
function skippedThere(file: Containerfile, rule: string, at: Position): boolean {
  const statement = statementsOf(file).findLast((candidate) => candidate.at.line <= at.line);
  const setting = statement?.comment.flatMap((line) => /^check\s*=\s*(\S+)/i.exec(line)?.[1] ?? [])[0];
  if (setting === undefined) return false;
  try {
    return !isWanted(rule, { ...parseSettings(setting), experimental: EXPERIMENTAL });
  } catch (error) {
    if (error instanceof ScullError) return false; // a comment like any other
    throw error;
  }
}

function statementsOf(file: Containerfile): Statement[] {
  return [...file.globalArgs.map((arg) => arg.statement), ...file.stages.flatMap((stage) => [stage.from.statement, ...stage.steps.map((step) => step.statement)])];
}

/** Arguments before the first FROM have no part in it. */
function casing(file: Containerfile): Finding[] {
  const statements = file.stages.flatMap((stage) => [stage.from.statement, ...stage.steps.map((step) => step.statement)]);
  const lower = statements.filter(({ written }) => isLower(written)).length;
  const upper = statements.filter(({ written }) => !isLower(written) && isUpper(written)).length;
  const majority = lower > upper ? 'lowercase' : 'uppercase';
  const findings = statements.flatMap((statement): Finding[] => {
    const { written, at } = statement;
    const fits = majority === 'lowercase' ? isLower(written) : isUpper(written);
    return fits ? [] : [{ rule: 'ConsistentInstructionCasing', at, text: `Command '${written}' should match the case of the command majority (${majority})` }];
  });
  const empty = statementsOf(file).flatMap(({ emptyContinuation }): Finding[] => (emptyContinuation === undefined ? [] : [{ rule: 'NoEmptyContinuation', at: { line: emptyContinuation, column: 1 }, text: 'Empty continuation line' }]));
  return [...findings, ...empty];
}

function isLower(word: string): boolean {
  return word === word.toLowerCase();
}

function isUpper(word: string): boolean {
  return word === word.toUpperCase();
}

/** A comment above a stage or an argument that describes something else. */
function descriptions(file: Containerfile): Finding[] {
  const of = (statement: Statement, kind: 'FROM' | 'ARG', names: readonly string[]): Finding[] => {
    const first = statement.comment.at(-1)?.split(' ')[0];
    if (first === undefined || names.length === 0 || names.includes(first)) return [];
    return [{ rule: 'InvalidDefinitionDescription', at: statement.at, text: `Comment for ${kind} should follow the format: \`# ${names.length > 1 ? '<arg_key>' : names[0]} <description>\`` }];
  };
  const args = [...file.globalArgs, ...file.stages.flatMap((stage) => stage.steps)].flatMap((step) => (step.kind === 'ARG' ? [step] : []));
  return [...args.flatMap((arg) => of(arg.statement, 'ARG', arg.items.map(({ name }) => name))), ...file.stages.flatMap(({ from }) => of(from.statement, 'FROM', from.name === undefined ? [] : [from.name]))];
}

function stageNames(file: Containerfile): Finding[] {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const { from } of file.stages) {
    const { statement } = from;
    const [, as, name] = splitWords(statement.text, statement.escape).filter(({ word }) => !word.startsWith('--'));
    if (as === undefined || name === undefined) continue;
    const { written } = statement;
    // Where FROM itself is neither, that is what is told.
    const fits = isLower(written) ? isLower(as.word) : !isUpper(written) || isUpper(as.word);
    if (!fits) findings.push({ rule: 'FromAsCasing', at: statement.positionOf(as.offset), text: `'${as.word}' and '${written}' keywords' casing do not match` });
    const at = statement.positionOf(name.offset);
    if (!isLower(name.word)) findings.push({ rule: 'StageNameCasing', at, text: `Stage name '${name.word}' should be lowercase` });
    const lower = name.word.toLowerCase();
    if (['scratch', 'context'].includes(lower)) findings.push({ rule: 'ReservedStageName', at, text: `Stage name should not use the same name as reserved stage "${lower}"` });
    if (seen.has(lower)) findings.push({ rule: 'DuplicateStageName', at, text: `Duplicate stage name "${lower}", stage names should be unique` });
    seen.add(lower);
  }
  return findings;
}

function froms(file: Containerfile, options: CheckOptions): Finding[] {
  const declared = new Set(file.globalArgs.flatMap((arg) => arg.items.map(({ name }) => name)));
  const values = new Map<string, string>();
  for (const arg of file.globalArgs) for (const { name, value } of arg.items) if (value !== undefined) values.set(name, expandedArg(value, arg.statement, values) ?? value);
  return file.stages.flatMap((stage): Finding[] => {
    const { from } = stage;
    const { statement, platform } = from;
    const at = statement.at;
    const findings: Finding[] = [...(platform === undefined ? [] : platformFlag(stage, platform))];
    const isKnown = (name: string): boolean => declared.has(name) || PLATFORM_ARGS.includes(name);
    for (const name of [from.image, platform ?? ''].flatMap((word) => unsetNames(word, statement.escape, isKnown))) {
      findings.push({ rule: 'UndefinedArgInFrom', at, text: `FROM argument '${name}' is not declared${meant(name, [...declared])}` });
    }
    if (!validWithDefaults(from.image, statement, values)) findings.push({ rule: 'InvalidDefaultArgInFrom', at, text: `Default value for ARG ${from.image} results in empty or invalid base image name` });
    const mismatch = findStage(file.stages.slice(0, stage.index), from.image) === undefined ? options.base?.(stage)?.platformMismatch : undefined;
    if (mismatch !== undefined) findings.push({ rule: 'InvalidBaseImagePlatform', at, text: `Base image ${from.image} was pulled with platform "${mismatch.actual}", expected "${mismatch.expected}" for current build` });
    return findings;
  });
}

function platformFlag({ from }: Stage, platform: string): Finding[] {
  const { at } = from.statement;
  if (/^(["']?)\$(?:TARGETPLATFORM|\{TARGETPLATFORM\})\1$/.test(platform)) return [{ rule: 'RedundantTargetPlatform', at, text: `Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior` }];
  if (platform.includes('$')) return [];
  // A name that tells the platform says that it is meant.
  const [os = '', architecture = os] = platform.split('/');
  if ([os, architecture].some((part) => part !== '' && from.name?.includes(part) === true)) return [];
  return [{ rule: 'FromPlatformFlagConstDisallowed', at, text: `FROM --platform flag should not use constant value "${platform}"` }];
}

function validWithDefaults(image: string, statement: Statement, values: ReadonlyMap<string, string>): boolean {
  const name = expandedArg(image, statement, values);
  // A stage by its name, which was looked at by who planned, is as good.
  return name !== undefined && (!image.includes('$') || /^[a-z0-9]+(?:[._:/@-]+[A-Za-z0-9_]+)*$/.test(name));
}

/** With the defaults of the arguments before the first FROM; undefined where it can't be read. */
function expandedArg(text: string, statement: Statement, values: ReadonlyMap<string, string>): string | undefined {
  try {
    return expand(text, (variable) => values.get(variable) ?? (PLATFORM_ARGS.includes(variable) ? 'x' : ''), { escape: statement.escape });
  } catch (error) {
    if (error instanceof ExpansionError) return undefined;
    throw error;
  }
}

function meant(name: string, candidates: readonly string[]): string {
  const near = nearest(name, candidates);
  return near === undefined ? '' : ` (did you mean ${near}?)`;
}
