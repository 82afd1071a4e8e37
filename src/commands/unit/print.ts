/** `scull unit print` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class UnitPrint extends ScullCommand {
  static override summary = 'Show the systemd units that Quadlet files stand for';
  static override description = 'Nothing is written. The exit status is 1 if a file has errors; they go to standard error.';
  static override strict = false;
  static override args = { path: Args.string({ required: true, multiple: true, description: 'Quadlet files, or folders with such files' }) };
  static override examples = ['scull unit print web.container', { description: 'One that is to go to another machine', command: 'scull unit print web.container > web.service' }];

  async run(): Promise<number> {
    const { argv } = await this.parse(UnitPrint);
    const [{ readUnits }, { describeProblem }] = await Promise.all([import('../../engine/units/read.ts'), import('../../engine/units/install.ts')]);
    const units = readUnits(argv as string[]).asked;
    for (const problem of units.flatMap((unit) => unit.problems)) this.warn(describeProblem(problem));
    const right = units.filter((unit) => !unit.problems.some((problem) => problem.severity === 'error'));
    this.print(right.map((unit) => `${units.length > 1 ? `# ${unit.unitName}\n` : ''}${unit.text}`).join('\n'));
    return right.length === units.length ? 0 : 1;
  }
}
