/** `doctor` */
import { Chalk } from 'chalk';
import type { DoctorReport } from '../../engine/system/doctor.ts';
import { escapeControl } from '../escape.ts';
import { renderJson } from './format.ts';

const MARKS = { ok: 'green', warning: 'yellow', missing: 'red' } as const;

/** One block per check: state, name and what was found; below it what will not work, and the one command that helps. */
export function presentDoctor(report: DoctorReport, options: { readonly colour: boolean; readonly json: boolean }): string {
  if (options.json) return renderJson(report, 2);
  const width = Math.max(0, ...report.checks.map(({ name }) => name.length)) + 2;
  const indent = ' '.repeat('warning'.length + 2 + width);
  const paint = new Chalk({ level: options.colour ? 1 : 0 });
  let out = '';
  for (const check of report.checks) {
    const mark = check.status.padEnd('warning'.length);
    out += `${paint.bold[MARKS[check.status]](mark)}  ${check.name.padEnd(width)}${escapeControl(check.found)}\n`;
    if (check.consequence !== undefined) out += `${indent}${escapeControl(check.consequence)}\n`;
    if (check.fix !== undefined) out += `${indent}fix: ${paint.bold(escapeControl(check.fix))}\n`;
  }
  return `${out}\n${verdict(report)}\n`;
}

function verdict(report: DoctorReport): string {
  const count = (status: string): number => report.checks.filter((check) => check.status === status).length;
  const [missing, warnings] = [count('missing'), count('warning')];
  if (missing > 0) return `Containers can't run as they should: ${missing} of ${report.checks.length} checks failed.`;
  if (warnings > 0) return `Containers can run, with ${warnings === 1 ? 'one restriction' : `${warnings} restrictions`}.`;
  return 'Everything is as it should be.';
}
