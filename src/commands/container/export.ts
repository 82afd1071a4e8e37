/** `scull export` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class Export extends ScullCommand {
  static override summary = 'Write the files of a container as a tar';
  static override description = 'Everything the container shows but its mounts; it may run or not. `scull import` makes an image of it.';
  static override args = { container: Args.string({ required: true, description: 'Name or id' }) };
  static override flags = { output: Flags.string({ char: 'o', description: 'File to write (default standard output)', helpValue: 'file' }) };
  static override examples = ['scull export -o web.tar web', { description: 'An image of one layer', command: 'scull export web | scull import - web:flat' }];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Export);
    const { exportContainer } = await import('../../engine/containers/export.ts');
    await exportContainer(await this.engine(), args.container, flags.output);
  }
}
