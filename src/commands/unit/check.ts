/** `scull unit check` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class UnitCheck extends ScullCommand {
  static override summary = 'Look for mistakes in Quadlet files';
  static override description = [
    'Prints each with its file and line. Nothing is written.',
    '',
    'The exit status is 1 if there is an error, else 0, also with warnings.',
  ].join('\n');
  static override strict = false;
  static override args = { path: Args.string({ required: true, multiple: true, description: 'Quadlet files, or folders with such files' }) };
  static override examples = [
    'scull unit check web.container',
    { description: 'All that Podman would read', command: 'scull unit check ~/.config/containers/systemd' },
  ];

  async run(): Promise<number> {
    const { argv } = await this.parse(UnitCheck);
    const [{ readUnits }, { describeProblem }, { escapeControlLines }] = await Promise.all([import('../../engine/units/read.ts'), import('../../engine/units/install.ts'), import('../../cli/escape.ts')]);
    const problems = readUnits(argv as string[]).asked.flatMap((unit) => unit.problems);
    for (const problem of problems) this.printLine(escapeControlLines(`${problem.severity}: ${describeProblem(problem)}`));
    return problems.some((problem) => problem.severity === 'error') ? 1 : 0;
  }
}
