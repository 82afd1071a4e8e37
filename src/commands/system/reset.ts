/** `scull system reset` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class SystemReset extends ScullCommand {
  static override summary = 'Remove everything: all containers, images and volumes';
  static override description = 'Running containers are killed. Afterwards the store is as before the first command. Configuration and logins stay.';
  static override flags = { force: Flags.boolean({ char: 'f', description: 'Do not ask' }) };
  static override examples = ['scull system reset', { description: 'Another store, without being asked', command: 'scull --root /tmp/store system reset -f' }];

  async run(): Promise<void> {
    const { flags } = await this.parse(SystemReset);
    const engine = await this.engine();
    if (!flags.force) {
      const { confirm } = await import('../../cli/confirm.ts');
      const { root } = engine.store.layout;
      if (!confirm(`WARNING! This will remove:\n\t- all containers\n\t- all images\n\t- all volumes\n\t- ${root}, with everything in it\n`)) return;
    }
    const { resetStore } = await import('../../engine/system/reset.ts');
    await resetStore(engine);
  }
}
