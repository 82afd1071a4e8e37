/** `scull unit install` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class UnitInstall extends ScullCommand {
  static override summary = 'Make systemd units of Quadlet files';
  static override description = [
    "Writes plain units into your own unit folder, ~/.config/systemd/user, where systemctl --user finds them: they can be enabled, started and extended by drop-ins like any other. Files that the named ones refer to are installed with them. If any has an error, nothing is written.",
    '',
    'A file that was changed is installed again; `scull unit list` tells which were. Prints the names of the units.',
  ].join('\n');
  static override strict = false;
  static override args = { path: Args.string({ required: true, multiple: true, description: 'Quadlet files, or folders with such files' }) };
  static override flags = {
    enable: Flags.boolean({ description: 'Enable them, so that they start with your systemd (at boot, if you linger)' }),
    now: Flags.boolean({ description: 'Start them' }),
    reload: Flags.boolean({ description: 'Tell systemd to read its units again (default where it runs)', allowNo: true, default: true }),
  };
  static override examples = [
    { description: 'Start a server now and at every boot', command: 'scull unit install --enable --now web.container' },
    'scull unit install ~/services/',
  ];

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(UnitInstall);
    const { installUnits, describeProblem } = await import('../../engine/units/install.ts');
    const { installed, warnings } = await installUnits(argv as string[], { reload: flags.reload ? undefined : false, enable: flags.enable, now: flags.now });
    for (const problem of warnings) this.warn(describeProblem(problem));
    for (const unit of installed) this.printLine(unit.name);
  }
}
