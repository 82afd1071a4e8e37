/** `scull container cleanup` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class ContainerCleanup extends ScullCommand {
  static override summary = 'Tidy up after a container that has ended';
  static override description = 'Removes it if it was started with --rm. Scull does this by itself when a container ends; there is no need to call it.';
  static override hidden = true;
  static override args = { container: Args.string({ required: true, description: 'Name or id' }) };
  static override examples = ['scull container cleanup job'];

  async run(): Promise<number> {
    const { args } = await this.parse(ContainerCleanup);
    const { cleanupContainer } = await import('../../engine/containers/cleanup.ts');
    await cleanupContainer(await this.engine(), args.container);
    return 0;
  }
}
