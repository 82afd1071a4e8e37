/** `scull image exists` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class ImageExists extends ScullCommand {
  static override summary = 'Tell by exit status whether an image is here';
  static override description = 'Exit status 0: it is, 1: it is not, 125: that could not be found out. Nothing is printed.';
  static override args = { image: Args.string({ required: true, description: 'Name or id' }) };
  static override examples = ['scull image exists debian || scull pull debian'];

  async run(): Promise<number> {
    const { args } = await this.parse(ImageExists);
    const { imageExists } = await import('../../engine/images/find.ts');
    return (await imageExists(await this.engine(), args.image)) ? 0 : 1;
  }
}
