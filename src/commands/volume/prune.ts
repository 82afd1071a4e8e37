/** `scull volume prune` */
import * as Flags from '@oclif/core/flags';
import { timedFilters } from '../../cli/pairs.ts';
import { OutcomesCommand } from '../../cli/selection.ts';

export default class VolumePrune extends OutcomesCommand {
  static override summary = 'Remove volumes that no container uses';
  static override description = 'Only anonymous ones, unless --all. Prints the names of those removed.';
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Those with a name too' }),
    filter: Flags.string({ description: 'Only volumes that this fits, e.g. label=tier=test or until=24h', helpValue: 'key=value', multiple: true }),
    force: Flags.boolean({ char: 'f', description: 'Do not ask' }),
    'dry-run': Flags.boolean({ description: 'Only print what would be removed', exclusive: ['force'] }),
  };
  static override examples = ['scull volume prune', { description: 'In a script, all that are unused for a day', command: 'scull volume prune -af --filter until=24h' }];

  async run(): Promise<number> {
    const { flags } = await this.parse(VolumePrune);
    const options = { all: flags.all, filters: timedFilters(flags.filter, Date.now()) };
    const engine = await this.engine();
    const { pruneVolumes } = await import('../../engine/volumes/remove.ts');
    if (!flags.force) {
      const { removed } = await pruneVolumes(engine, { ...options, dryRun: true });
      if (flags['dry-run'] || removed.length === 0) return this.tell(removed);
      const { confirm } = await import('../../cli/confirm.ts');
      const list = removed.map(({ name }) => `  ${name}`).join('\n');
      if (!confirm(`WARNING! This removes ${flags.all ? 'all' : 'anonymous'} volumes that no container uses:\n${list}`)) return 0;
    }
    const { removed, failed } = await pruneVolumes(engine, options);
    return this.tell([...removed, ...failed.map((error) => ({ name: '', error }))]);
  }
}
