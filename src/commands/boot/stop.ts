/** `scull boot stop` */
import { ScullCommand } from '../../cli/command.ts';

export default class BootStop extends ScullCommand {
  static override summary = 'Stop what `scull boot` starts, before the machine goes down';
  static override description = 'Containers with a restart policy that run are stopped in their own way. Unlike `scull stop` this is no wish to keep them stopped: the next boot starts them again.';
  static override examples = ['scull boot stop'];

  async run(): Promise<number> {
    await this.parse(BootStop);
    const { stopForShutdown } = await import('../../engine/boot/stop.ts');
    const errors: unknown[] = [];
    await stopForShutdown(await this.engine(), ({ name, error }) => {
      if (error === undefined) this.printLine(name);
      else errors.push(error);
    });
    let status = 0;
    for (const error of errors) status = await this.report(error);
    return status;
  }
}
