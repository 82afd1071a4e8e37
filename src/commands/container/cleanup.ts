/** `scull container cleanup` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class ContainerCleanup extends ScullCommand {
  static override summary = 'Tidy up after a container that has ended';
  static override description = 'Removes it if it was started with --rm, starts it again if its --restart policy says so. Scull does this by itself when a container ends; there is no need to call it.';
  static override hidden = true;
  static override args = { container: Args.string({ required: true, description: 'Name or id' }) };
  static override flags = { waited: Flags.boolean({ description: 'The pause before a restart is over', hidden: true }) };
  static override examples = ['scull container cleanup job'];

  async run(): Promise<number> {
    const { args, flags } = await this.parse(ContainerCleanup);
    const { cleanupContainer } = await import('../../engine/containers/cleanup.ts');
    await cleanupContainer(await this.engine(), args.container, { waited: flags.waited });
    return 0;
  }
}
