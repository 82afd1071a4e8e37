/** `system check`: each damaged file with what it breaks and what became of it, and how much was looked at. */
import type { CheckReport } from '../../engine/system/check.ts';
import { escapeControl } from '../escape.ts';
import { renderJson } from './format.ts';
import { humanSize } from './humanize.ts';

/** Text for standard output. */
export function presentCheck(report: CheckReport, options: { readonly json: boolean }): string {
  if (options.json) return renderJson(report, 2);
  const problems = report.problems.map(({ object, file, what, repaired, remedy }) => {
    const lines = [`${object}: ${file}: ${what}`];
    if (repaired !== undefined) lines.push(`  repaired: ${repaired}`);
    if (remedy !== undefined) lines.push(`  left as it is: ${remedy}`);
    return lines.map((line) => `${escapeControl(line)}\n`).join('');
  });
  const looked = report.looked.filter(({ count }) => count > 0).map(({ what, count, bytes }) => `${count} ${what}${count === 1 ? '' : 's'}${bytes === undefined || bytes === 0 ? '' : ` (${humanSize(bytes)})`}`);
  const verdict = report.problems.length === 0 ? 'no damage' : `${report.problems.length} damaged`;
  return `${problems.join('')}Checked ${looked.length === 0 ? 'an empty store' : looked.join(', ')}: ${verdict}\n`;
}
