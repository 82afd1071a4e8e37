/** `scull image prune` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { pruneFilter, wantsNamed } from '../../cli/image-filters.ts';

export default class ImagePrune extends ScullCommand {
  static override summary = 'Remove images without a name that no container was made from';
  static override description = 'With --all, every image that no container was made from. Prints the ids of those removed.';
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Those with a name too' }),
    'build-cache': Flags.boolean({ description: 'Results of build steps and cache mounts of builds too' }),
    external: Flags.boolean({ description: 'Accepted for Podman; no other program makes containers here', hidden: true }),
    filter: Flags.string({ description: 'Only images that this fits: label=KEY[=VALUE], label!=…, until=24h, dangling=false', helpValue: 'key=value', multiple: true }),
    force: Flags.boolean({ char: 'f', description: 'Do not ask' }),
  };
  static override examples = ['scull image prune', { description: 'In a script', command: 'scull image prune -af' }, { description: 'What is older than ten days', command: 'scull image prune -a --filter until=240h' }];

  async run(): Promise<number> {
    const { flags } = await this.parse(ImagePrune);
    const where = flags.filter === undefined ? undefined : pruneFilter(flags.filter, Date.now());
    const { confirm } = await import('../../cli/confirm.ts');
    const all = flags.all || wantsNamed(flags.filter);
    const which = all ? 'all images that no container was made from' : 'all images without a name that no container was made from';
    if (!flags.force && !confirm(`WARNING! This removes ${which}${flags['build-cache'] ? ', and the build cache' : ''}${where === undefined ? '' : ', and fits the filters'}.`)) return 0;
    const { pruneImages } = await import('../../engine/images/prune.ts');
    const { deleted, failed } = await pruneImages(await this.engine(), { all, where, buildCache: flags['build-cache'] });
    this.print(deleted.map((id) => `${id}\n`).join(''));
    return this.reportAll(failed);
  }
}
