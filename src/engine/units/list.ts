/** Which units scull made, whether their files have changed since, and whether they run. */
import { existsSync } from 'node:fs';
import { userRuntimeDirectory } from '../../host/directories.ts';
import { isScullError } from '../../host/errors.ts';
import { activeStates, userManagerRuns } from '../../systemd/systemctl.ts';
import { installedText, listInstalled, type InstalledUnit } from './installed.ts';
import { installedNamed } from './install.ts';
import { readUnits } from './read.ts';

export interface UnitSummary {
  readonly name: string;
  readonly madeFrom: string;
  readonly path: string;
  /** Against the file it was made from. */
  readonly state: 'current' | 'changed' | 'source missing' | 'source broken';
  /** systemd's word; `unknown` where none runs. */
  readonly active: string;
}

export async function listUnits(): Promise<UnitSummary[]> {
  const units = listInstalled().filter((unit) => unit.madeFrom.startsWith('/'));
  const states = userManagerRuns(userRuntimeDirectory()) ? await activeStates(units.map((unit) => unit.name)) : [];
  return units.map((unit, index) => ({ name: unit.name, madeFrom: unit.madeFrom, path: unit.path, state: stateOf(unit), active: states[index] ?? 'unknown' }));
}

function stateOf(unit: InstalledUnit): UnitSummary['state'] {
  if (!existsSync(unit.madeFrom)) return 'source missing';
  const fresh = freshText(unit);
  if (fresh === undefined) return 'source broken';
  return fresh === unit.text ? 'current' : 'changed';
}

/** What would be installed now; undefined where the file has errors. */
function freshText(unit: InstalledUnit): string | undefined {
  try {
    const made = readUnits([unit.madeFrom]).asked[0];
    if (made === undefined || made.problems.some((problem) => problem.severity === 'error')) return undefined;
    return installedText(unit.madeFrom, made.text);
  } catch (error) {
    if (isScullError(error)) return undefined;
    throw error;
  }
}

export interface UnitDifference {
  readonly name: string;
  readonly installed: string;
  readonly fresh: string;
}

/** The installed units named (all where none is) that would be written otherwise today. */
export function diffUnits(names: readonly string[]): UnitDifference[] {
  const units = names.length === 0 ? listInstalled().filter((unit) => unit.madeFrom.startsWith('/')) : names.map(installedNamed);
  return units.flatMap((unit) => {
    const fresh = freshText(unit);
    return fresh === undefined || fresh === unit.text ? [] : [{ name: unit.name, installed: unit.text, fresh }];
  });
}
