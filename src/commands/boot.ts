/** `scull boot` */
import { ScullCommand } from '../cli/command.ts';

export default class Boot extends ScullCommand {
  static override summary = 'Start the containers that should run';
  static override description = [
    'Those with --restart=always, and those with --restart=unless-stopped that you have not stopped, if they have run before. What runs already is left alone.',
    'Call it when the machine starts: `scull boot install` sets that up. The names of what was started are printed.',
  ].join('\n');
  static override examples = ['scull boot', { description: 'From now on with every start of the machine', command: 'scull boot install' }];

  async run(): Promise<number> {
    await this.parse(Boot);
    const { startOnBoot } = await import('../engine/boot/start.ts');
    const errors: unknown[] = [];
    await startOnBoot(await this.engine(), ({ name, error }) => {
      if (error === undefined) this.printLine(name);
      else errors.push(error);
    });
    let status = 0;
    for (const error of errors) status = await this.report(error);
    return status;
  }
}
