/** `scull untag` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class ImageUntag extends ScullCommand {
  static override summary = 'Take names away from an image';
  static override description = 'All of them when none is given. The image itself stays.';
  static override args = {
    image: Args.string({ required: true, description: 'Name or id' }),
    name: Args.string({ description: 'Name to take away', multiple: true }),
  };
  static override examples = ['scull untag app registry.example.com/team/app:1.0'];

  async run(): Promise<void> {
    const { args, argv } = await this.parse(ImageUntag);
    const { untagImage } = await import('../../engine/images/tag.ts');
    await untagImage(await this.engine(), args.image, argv.slice(1) as string[]);
  }
}
