/** `scull doctor` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../cli/command.ts';

export default class Doctor extends ScullCommand {
  static override summary = 'Try what containers need on this machine, and say how to get what is missing';
  static override description =
    'Each check does the thing itself: it makes a user namespace, maps ids, mounts an overlay, starts a network. Exit status 1 when containers cannot run as they should; restrictions alone are 0.';
  static override flags = {
    json: Flags.boolean({ description: 'The checks as JSON' }),
    format: Flags.string({ description: 'json is the same as --json', helpValue: 'format', options: ['json'], hidden: true }),
  };
  static override examples = ['scull doctor', { description: 'For a bug report', command: 'scull doctor --json' }];

  async run(): Promise<number> {
    const { flags } = await this.parse(Doctor);
    const { doctor } = await import('../engine/system/doctor.ts');
    const report = await doctor(await this.engine());
    const { presentDoctor } = await import('../cli/present/doctor.ts');
    this.print(presentDoctor(report, { json: flags.json || flags.format === 'json', colour: await this.isTerminal() }));
    return report.healthy ? 0 : 1;
  }
}
