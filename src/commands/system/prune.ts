/** `scull system prune` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { pruneFilter } from '../../cli/image-filters.ts';
import { pruneFilters } from '../../cli/pairs.ts';

export default class SystemPrune extends ScullCommand {
  static override summary = 'Remove what nothing uses';
  static override description = 'Stopped containers, networks that no container is on, then images without a name; with --all every image that no container was made from, with --volumes also volumes. Works on a full disk.';
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'All images that no container was made from, not only those without a name; and what a repair has put into quarantine' }),
    volumes: Flags.boolean({ description: 'Volumes that no container uses, too' }),
    build: Flags.boolean({ description: 'Does nothing: builds leave no containers', hidden: true }),
    external: Flags.boolean({ description: 'Does nothing: there is no storage but ours', hidden: true }),
    filter: Flags.string({ description: 'Only what this fits, e.g. until=24h or label=tier=test', helpValue: 'key=value', multiple: true }),
    force: Flags.boolean({ char: 'f', description: 'Do not ask' }),
  };
  static override examples = ['scull system prune', { description: 'Everything that does not run right now', command: 'scull system prune -af --volumes' }, { description: 'What has not been used for a week', command: 'scull system prune -af --filter until=168h' }];

  async run(): Promise<number> {
    const { flags } = await this.parse(SystemPrune);
    const filters = pruneFilters(flags.filter, Date.now());
    const whereImage = flags.filter === undefined ? undefined : pruneFilter(flags.filter, Date.now());
    const options = { all: flags.all === true, volumes: flags.volumes === true, filters, whereImage };
    const { pruneSystem, pruneWarnings } = await import('../../engine/system/prune.ts');
    const warnings = pruneWarnings(options);
    if (!flags.force) {
      const { confirm } = await import('../../cli/confirm.ts');
      if (!confirm(`WARNING! This command removes:\n${warnings.map((line) => `\t- ${line}\n`).join('')}`)) return 0;
    }
    const pruned = await pruneSystem(await this.engine(), options);
    const { presentPruned } = await import('../../cli/present/disk-usage.ts');
    this.print(presentPruned(pruned));
    return this.reportAll(pruned.flatMap(({ failed = [] }) => failed));
  }
}
