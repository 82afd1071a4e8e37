/** `scull unit generator` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class UnitGenerator extends ScullCommand {
  static override summary = 'Make units as a generator of systemd';
  static override description = [
    "Reads the Quadlet files in the folders where Podman's generator looks for them (podman-systemd.unit(5): ~/.config/containers/systemd, /etc/containers/systemd/users and others), and writes units into FOLDER. An administrator installs it for all users as /etc/systemd/user-generators/scull:",
    '',
    '    #!/bin/sh',
    '    exec /usr/local/bin/scull unit generator "$@"',
  ].join('\n');
  static override args = {
    normal: Args.string({ required: true, description: 'Folder for the units' }),
    early: Args.string({ description: 'Not used' }),
    late: Args.string({ description: 'Not used' }),
  };
  static override examples = [{ description: 'What it would make', command: 'scull unit generator /tmp/units' }];

  async run(): Promise<number> {
    const { args } = await this.parse(UnitGenerator);
    const [{ generateUnits }, { describeProblem }] = await Promise.all([import('../../engine/units/generator.ts'), import('../../engine/units/install.ts')]);
    const problems = generateUnits(args.normal);
    for (const problem of problems) this.warn(describeProblem(problem));
    return problems.some((problem) => problem.severity === 'error') ? 1 : 0;
  }
}
