/** `scull rename` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class Rename extends ScullCommand {
  static override summary = 'Give a container another name';
  static override args = {
    container: Args.string({ required: true, description: 'Name or id' }),
    name: Args.string({ required: true, description: 'The new name' }),
  };
  static override examples = ['scull rename web web-old'];

  async run(): Promise<void> {
    const { args } = await this.parse(Rename);
    const { renameContainer } = await import('../../engine/containers/rename.ts');
    await renameContainer(await this.engine(), args.container, args.name);
  }
}
