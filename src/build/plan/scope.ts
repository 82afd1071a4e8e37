/** Which variables an instruction sees: build arguments in their scopes, and the environment. Dockerfile reference, "ARG". */
import { formatPlatform, type Platform } from '../../oci/platform.ts';
import { expand, expandText, expandToWords, ExpansionError, type Lookup } from '../containerfile/expand.ts';
import type { Arg } from '../containerfile/instructions.ts';
import { mistake, type Position } from '../containerfile/source.ts';
import type { Statement } from '../containerfile/statements.ts';

/** Usable in RUN without being declared, and never kept in an image or a cache key. */
export const PROXY_ARGS: readonly string[] = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'FTP_PROXY', 'ftp_proxy', 'NO_PROXY', 'no_proxy', 'ALL_PROXY', 'all_proxy'];

export type Values = ReadonlyMap<string, string>;

/** "Automatic platform ARGs in the global scope". */
export function platformArgs(build: Platform, target: Platform, targetStage: string): Map<string, string> {
  const args = new Map<string, string>();
  for (const [prefix, platform] of [['BUILD', build], ['TARGET', target]] as const) {
    args.set(`${prefix}PLATFORM`, formatPlatform(platform));
    args.set(`${prefix}OS`, platform.os);
    args.set(`${prefix}ARCH`, platform.architecture);
    args.set(`${prefix}VARIANT`, platform.variant ?? '');
  }
  return args.set('TARGETSTAGE', targetStage);
}

/** What is given to the build from outside. */
export interface GivenArgs {
  /** --build-arg */
  readonly values: Values;
  /** Names that some ARG asked for. */
  readonly used: Set<string>;
}

/** Arguments before the first FROM, each seeing those before it. */
export function globalScope(declared: readonly Arg[], given: GivenArgs, platform: Values): Map<string, string> {
  const scope = new Map<string, string>();
  const lookup: Lookup = (name) => scope.get(name) ?? platform.get(name);
  for (const arg of declared) {
    for (const item of arg.items) {
      const value = valueOf(arg.statement, item, given, lookup) ?? platform.get(item.name);
      if (value !== undefined) scope.set(item.name, value);
    }
  }
  return scope;
}

/**
 * An ARG in a stage. Its value: what was given from outside, its own default, or what an ARG of the same name before the
 * first FROM had.
 * @returns names with their values, undefined for those that stay unset
 */
export function stageArgs(arg: Arg, given: GivenArgs, global: Values, platform: Values, lookup: Lookup): Map<string, string | undefined> {
  const result = new Map<string, string | undefined>();
  const inner: Lookup = (name) => lookup(name) ?? result.get(name);
  for (const item of arg.items) {
    const value = valueOf(arg.statement, item, given, inner) ?? global.get(item.name) ?? platform.get(item.name);
    result.set(item.name, value);
  }
  return result;
}

function valueOf(statement: Statement, item: Arg['items'][number], given: GivenArgs, lookup: Lookup): string | undefined {
  const outside = given.values.get(item.name);
  if (outside !== undefined) {
    given.used.add(item.name);
    return outside;
  }
  return item.value === undefined ? undefined : expandAt(statement, item.value, item.at, lookup);
}

/** One word expanded. @throws ScullError INVALID naming its place */
export function expandAt(statement: Statement, word: string, at: Position, lookup: Lookup, onUnset?: (name: string) => void): string {
  return orMistake(statement, at, () => expand(word, lookup, { escape: statement.escape, ...(onUnset === undefined ? {} : { onUnset }) }));
}

/** A text expanded to words. @throws ScullError INVALID naming its place */
export function expandWordsAt(statement: Statement, text: string, at: Position, lookup: Lookup): string[] {
  return orMistake(statement, at, () => expandToWords(text, lookup, { escape: statement.escape }));
}

/** A text of several lines, in which only variables mean something. @throws ScullError INVALID naming its place */
export function expandTextAt(statement: Statement, text: string, at: Position, lookup: Lookup): string {
  return orMistake(statement, at, () => expandText(text, lookup, { escape: statement.escape }));
}

function orMistake<T>(statement: Statement, at: Position, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof ExpansionError) throw mistake(statement.source, at, cause.message, { cause });
    throw cause;
  }
}
