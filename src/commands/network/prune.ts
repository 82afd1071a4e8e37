/** `scull network prune` */
import * as Flags from '@oclif/core/flags';
import { timedFilters } from '../../cli/pairs.ts';
import { OutcomesCommand } from '../../cli/selection.ts';

export default class NetworkPrune extends OutcomesCommand {
  static override summary = 'Remove networks that no container is on';
  static override description = 'Prints the names of those removed. The default network stays.';
  static override flags = {
    filter: Flags.string({ description: 'Only networks that this fits, e.g. label=tier=test or until=24h', helpValue: 'key=value', multiple: true }),
    force: Flags.boolean({ char: 'f', description: 'Do not ask' }),
  };
  static override examples = ['scull network prune', { description: 'In a script, all that are unused for a day', command: 'scull network prune -f --filter until=24h' }];

  async run(): Promise<number> {
    const { flags } = await this.parse(NetworkPrune);
    const filters = timedFilters(flags.filter, Date.now());
    const engine = await this.engine();
    const { pruneNetworks } = await import('../../engine/networks/remove.ts');
    if (!flags.force) {
      const { removed } = await pruneNetworks(engine, { filters, dryRun: true });
      if (removed.length === 0) return 0;
      const { confirm } = await import('../../cli/confirm.ts');
      if (!confirm(`WARNING! This removes all networks that no container is on:\n${removed.map(({ name }) => `  ${name}`).join('\n')}`)) return 0;
    }
    const { removed, failed } = await pruneNetworks(engine, { filters });
    return this.tell([...removed, ...failed.map((error) => ({ name: '', error }))]);
  }
}
