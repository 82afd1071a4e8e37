/** `unit list` and `unit diff`. */
import type { AutoUpdate } from '../../engine/system/auto-update.ts';
import type { UnitDifference, UnitSummary } from '../../engine/units/list.ts';
import { escapeControlLines } from '../escape.ts';
import { renderTable } from './table.ts';

export interface UnitsOptions {
  readonly format?: string | undefined;
  readonly quiet?: boolean;
  readonly noHeading?: boolean;
}

/** Text for standard output. @throws ScullError INVALID for a bad template */
export async function presentUnits(units: readonly UnitSummary[], options: UnitsOptions): Promise<string> {
  if (options.quiet === true) return units.map((unit) => `${unit.name}\n`).join('');
  if (options.format === undefined) {
    const rows = units.map((unit) => [unit.name, unit.state, unit.active, unit.madeFrom]);
    return renderTable(options.noHeading === true ? rows : [['UNIT', 'STATE', 'ACTIVE', 'MADE FROM'], ...rows]);
  }
  const { isJsonFormat, renderJson, renderRows } = await import('./format.ts');
  const described = units.map((unit) => ({ Name: unit.name, State: unit.state, Active: unit.active, MadeFrom: unit.madeFrom, Path: unit.path }));
  return isJsonFormat(options.format) ? renderJson(described, 2) : renderRows(described, options.format, { headings: { Name: 'UNIT' }, noHeading: options.noHeading });
}

/** Lines that go and lines that come, without those that stay. Units are short: the longest common subsequence costs nothing. */
export function presentDifferences(differences: readonly UnitDifference[]): string {
  return escapeControlLines(differences.map((each) => `${each.name}\n${changedLines(each.installed.split('\n'), each.fresh.split('\n'))}`).join(''));
}

function changedLines(before: readonly string[], after: readonly string[]): string {
  const common = before.map(() => new Array<number>(after.length + 1).fill(0));
  common.push(new Array<number>(after.length + 1).fill(0));
  const at = (i: number, j: number): number => common[i]?.[j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) (common[i] as number[])[j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  }
  let text = '';
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      i++;
      j++;
    } else if (j >= after.length || (i < before.length && at(i + 1, j) >= at(i, j + 1))) text += `- ${before[i++]}\n`;
    else text += `+ ${after[j++]}\n`;
  }
  return text;
}

/** `auto-update`: a table, JSON, or a template. @throws ScullError INVALID for a bad template */
export async function presentAutoUpdates(updates: readonly AutoUpdate[], format: string | undefined): Promise<string> {
  if (format === undefined) {
    const rows = updates.map((each) => [each.unit, `${each.containerId.slice(0, 12)} (${each.containerName})`, each.image, each.policy, each.updated]);
    return renderTable([['UNIT', 'CONTAINER', 'IMAGE', 'POLICY', 'UPDATED'], ...rows]);
  }
  const { isJsonFormat, renderJson, renderRows } = await import('./format.ts');
  const described = updates.map((each) => ({ Unit: each.unit, Container: `${each.containerId.slice(0, 12)} (${each.containerName})`, ContainerID: each.containerId, ContainerName: each.containerName, Image: each.image, Policy: each.policy, Updated: each.updated }));
  return isJsonFormat(format) ? renderJson(described, 2) : renderRows(described, format, { headings: {} });
}
