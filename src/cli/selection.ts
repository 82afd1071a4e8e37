/** Which containers a command is about, from its words and flags: names, --all, --filter, --cidfile, --latest. */
import * as Flags from '@oclif/core/flags';
import type { Filters, Outcome, Selection } from '../engine/containers/selection.ts';
import { ScullError } from '../host/errors.ts';
import { readTextIfPresent } from '../host/files.ts';
import { ScullCommand } from './command.ts';
import { parseFilters } from './filters.ts';
import { parseTime } from './time.ts';

/** Flags that every command on several containers shares. */
export const cidfileFlag = Flags.string({ description: 'Take a container id from the first line of this file', helpValue: 'file', multiple: true });
export const filterFlag = Flags.string({ char: 'f', description: 'Only containers that this fits, e.g. status=exited or label=tier=front', helpValue: 'key=value', multiple: true });

/** Checked here too, so that a mistake shows also where there are no containers to filter. */
const CONTAINER_FILTERS = [
  'id', 'name', 'label', 'label!', 'annotation', 'status', 'exited', 'ancestor', 'volume', 'network', 'before', 'since', 'until',
  'health', 'pod', 'restart-policy', 'should-start-on-boot',
];

export interface SelectionFlags {
  readonly all?: boolean;
  readonly ignore?: boolean;
  readonly cidfile?: readonly string[];
  readonly filter?: readonly string[];
}

/**
 * @param now milliseconds since the epoch, for `--filter until=10m`
 * @throws ScullError USAGE when nothing is named, or both names and --all; NOT_FOUND for a missing --cidfile
 */
export function readSelection(words: readonly string[], flags: SelectionFlags, now: number): Selection {
  const names = [...words, ...readCidFiles(flags)];
  const filters = containerFilters(flags.filter, now);
  const filtered = Object.keys(filters).length > 0;
  if (flags.all === true && words.length > 0) throw new ScullError('USAGE', '--all takes no names of containers');
  if (filtered && words.length > 0) throw new ScullError('USAGE', '--filter takes no names of containers');
  if (names.length === 0 && flags.all !== true && !filtered && (flags.cidfile ?? []).length === 0) {
    throw new ScullError('USAGE', 'the name or id of a container is missing');
  }
  return { names, all: flags.all === true, ignore: flags.ignore === true, ...(filtered ? { filters } : {}) };
}

/** Filters of containers; `until` becomes seconds since 1970. @throws ScullError INVALID */
export function containerFilters(filters: readonly string[] | undefined, now: number): Filters {
  const parsed = parseFilters(filters, CONTAINER_FILTERS);
  if (parsed['until'] !== undefined) parsed['until'] = parsed['until'].map((text) => String(parseTime(text, '--filter until', { now, spans: 'past' }) / 1000));
  return parsed;
}

function readCidFiles(flags: SelectionFlags): string[] {
  const ids: string[] = [];
  for (const path of flags.cidfile ?? []) {
    const text = readTextIfPresent(path);
    if (text === undefined) {
      if (flags.ignore === true) continue;
      throw new ScullError('NOT_FOUND', `there is no --cidfile ${JSON.stringify(path)}`);
    }
    const id = text.split('\n', 1)[0]?.trim() ?? '';
    if (id === '') throw new ScullError('INVALID', `the --cidfile ${JSON.stringify(path)} is empty`);
    ids.push(id);
  }
  return ids;
}

/** A command that does one thing to each of several objects and says of each what became of it. */
export abstract class OutcomesCommand extends ScullCommand {
  /**
   * The good ones as they were typed on standard output, failures as errors on standard error.
   * @returns the exit status: 0, or that of the last failure
   */
  protected async tell(outcomes: readonly Outcome[]): Promise<number> {
    let status = 0;
    for (const { name, error } of outcomes) {
      if (error === undefined) this.printLine(name.replace(/^\//, ''));
      else status = await this.report(error);
    }
    return status;
  }
}

/** podman-rm(1), "Exit status": 1 when a container did not exist, 2 when one was running or paused, else 125. */
export function removalStatus(outcomes: readonly Outcome[], status: number): number {
  const codes = outcomes.map(({ error }) => error?.code);
  if (codes.includes('NO_SUCH_CONTAINER')) return 1;
  return codes.includes('WRONG_STATE') ? 2 : status;
}
