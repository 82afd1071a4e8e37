/** `scull image prune` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class ImagePrune extends ScullCommand {
  static override summary = 'Remove images without a name that no container was made from';
  static override description = 'With --all, every image that no container was made from. Prints the ids of those removed.';
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Those with a name too' }),
    force: Flags.boolean({ char: 'f', description: 'Do not ask' }),
  };
  static override examples = ['scull image prune', { description: 'In a script', command: 'scull image prune -af' }];

  async run(): Promise<void> {
    const { flags } = await this.parse(ImagePrune);
    const { confirm } = await import('../../cli/confirm.ts');
    const which = flags.all ? 'all images that no container was made from' : 'all images without a name that no container was made from';
    if (!flags.force && !confirm(`WARNING! This removes ${which}.`)) return;
    const { pruneImages } = await import('../../engine/images/prune.ts');
    const { deleted } = await pruneImages(await this.engine(), { all: flags.all });
    this.print(deleted.map((id) => `${id}\n`).join(''));
  }
}
