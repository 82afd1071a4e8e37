/** `scull tag` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class ImageTag extends ScullCommand {
  static override summary = 'Give an image more names';
  static override description = 'A short name becomes localhost/NAME; without a tag it gets :latest. Whatever had the name loses it.';
  static override args = {
    image: Args.string({ required: true, description: 'Name or id' }),
    name: Args.string({ required: true, description: 'New name', multiple: true }),
  };
  static override examples = ['scull tag debian:12 base', { description: 'For a registry', command: 'scull tag app registry.example.com/team/app:1.0' }];

  async run(): Promise<void> {
    const { args, argv } = await this.parse(ImageTag);
    const { tagImage } = await import('../../engine/images/tag.ts');
    await tagImage(await this.engine(), args.image, argv.slice(1) as string[]);
  }
}
