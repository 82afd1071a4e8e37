/** `scull network prune` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { timedFilters } from '../../cli/pairs.ts';

export default class NetworkPrune extends ScullCommand {
  static override summary = 'Remove networks that no container is on';
  static override description = 'Prints the names of those removed. The default network stays.';
  static override flags = {
    filter: Flags.string({ description: 'Only networks that this fits, e.g. label=tier=test or until=24h', helpValue: 'key=value', multiple: true }),
    force: Flags.boolean({ char: 'f', description: 'Do not ask' }),
  };
  static override examples = ['scull network prune', { description: 'In a script, all that are unused for a day', command: 'scull network prune -f --filter until=24h' }];

  async run(): Promise<void> {
    const { flags } = await this.parse(NetworkPrune);
    const filters = timedFilters(flags.filter, Date.now());
    const engine = await this.engine();
    const { pruneNetworks } = await import('../../engine/networks/remove.ts');
    if (!flags.force) {
      const unused = await pruneNetworks(engine, { filters, dryRun: true });
      if (unused.length === 0) return;
      const { confirm } = await import('../../cli/confirm.ts');
      if (!confirm(`WARNING! This removes all networks that no container is on:\n${unused.map(({ name }) => `  ${name}`).join('\n')}`)) return;
    }
    const removed = await pruneNetworks(engine, { filters });
    this.print(removed.map(({ name }) => `${name}\n`).join(''));
  }
}
