/** `scull image tree` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class ImageTree extends ScullCommand {
  static override summary = 'Show the layers of an image as a tree';
  static override description = 'Says of each layer how large it is and which images end with it.';
  static override args = { image: Args.string({ required: true, description: 'Name or id' }) };
  static override flags = { whatrequires: Flags.boolean({ description: 'Show what other images put on top of it instead' }) };
  static override examples = ['scull image tree app', { description: 'Before a base is removed', command: 'scull image tree --whatrequires debian:12' }];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ImageTree);
    const [{ imageTree }, { presentImageTree }] = await Promise.all([import('../../engine/images/tree.ts'), import('../../cli/present/image-tree.ts')]);
    this.print(presentImageTree(await imageTree(await this.engine(), args.image), { whatRequires: flags.whatrequires }));
  }
}
