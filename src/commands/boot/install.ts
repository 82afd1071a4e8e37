/** `scull boot install` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class BootInstall extends ScullCommand {
  static override summary = 'Have `scull boot` called when the machine starts';
  static override description = 'By a unit of your own systemd manager where that runs, else by a line of your crontab; where there is neither, by a line in the profile of your login shell. Nothing of it needs root. Calling it again changes nothing.';
  static override flags = { means: Flags.string({ description: 'Take this one', helpValue: 'means', options: ['systemd', 'cron', 'login'] }) };
  static override examples = ['scull boot install', { description: 'Undo it', command: 'scull boot uninstall' }];

  async run(): Promise<void> {
    const { flags } = await this.parse(BootInstall);
    const { installBoot } = await import('../../engine/boot/install.ts');
    const { place, missing } = await installBoot(await this.engine(), flags.means as 'systemd' | 'cron' | 'login' | undefined);
    this.printLine(place);
    if (missing !== undefined) this.warn(missing);
  }
}
