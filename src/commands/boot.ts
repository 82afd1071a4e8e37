/** `scull boot` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../cli/command.ts';

export default class Boot extends ScullCommand {
  static override summary = 'Start the containers that should run';
  static override description = [
    'Those with --restart=always, and those with --restart=unless-stopped that you have not stopped, if they have run before. What runs already is left alone.',
    'Call it when the machine starts: `scull boot install` sets that up. The names of what was started are printed.',
  ].join('\n');
  static override examples = ['scull boot', { description: 'From now on with every start of the machine', command: 'scull boot install' }];

  static override flags = { once: Flags.boolean({ description: 'Only the first time since the machine has started, as a profile wants it that is read at each login' }) };

  async run(): Promise<number> {
    const { flags } = await this.parse(Boot);
    const { isFirstSinceBoot, startOnBoot } = await import('../engine/boot/start.ts');
    const engine = await this.engine();
    if (flags.once && !isFirstSinceBoot(engine)) return 0;
    const errors: unknown[] = [];
    await startOnBoot(engine, ({ name, error }) => {
      if (error === undefined) this.printLine(name);
      else errors.push(error);
    });
    let status = 0;
    for (const error of errors) status = await this.report(error);
    return status;
  }
}
