/** `scull manifest remove` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class ManifestRemove extends ScullCommand {
  static override summary = 'Take an image out of a list';
  static override description = "The image itself stays where it is. Prints the list's id.";
  static override args = {
    list: Args.string({ required: true, description: 'Name or id of the list' }),
    image: Args.string({ required: true, description: 'Digest of an image in the list, or its name here' }),
  };
  static override examples = ['scull manifest remove app:1 app:1-arm64'];

  async run(): Promise<void> {
    const { args } = await this.parse(ManifestRemove);
    const { removeFromManifest } = await import('../../engine/manifests/change.ts');
    this.printLine((await removeFromManifest(await this.engine(), args.list, args.image)).replace(/^sha256:/, ''));
  }
}
