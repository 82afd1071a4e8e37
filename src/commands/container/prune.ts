/** `scull container prune` */
import * as Flags from '@oclif/core/flags';
import { containerFilters, OutcomesCommand } from '../../cli/selection.ts';

export default class ContainerPrune extends OutcomesCommand {
  static override summary = 'Remove all containers that do not run';
  static override description = 'Prints the ids of those removed.';
  static override flags = {
    filter: Flags.string({ description: 'Only containers that this fits, e.g. until=24h or label=tier=test', helpValue: 'key=value', multiple: true }),
    force: Flags.boolean({ char: 'f', description: 'Do not ask' }),
  };
  static override examples = ['scull container prune', { description: 'In a script, those that are a day old', command: 'scull container prune -f --filter until=24h' }];

  async run(): Promise<number> {
    const { flags } = await this.parse(ContainerPrune);
    const filters = { status: ['created', 'exited'], ...containerFilters(flags.filter, Date.now()) };
    const { confirm } = await import('../../cli/confirm.ts');
    if (!flags.force && !confirm('WARNING! This removes all containers that do not run.')) return 0;
    const { removeContainers } = await import('../../engine/containers/remove.ts');
    const outcomes = await removeContainers(await this.engine(), { filters });
    // One that was started meanwhile is not one to remove.
    return this.tell(outcomes.filter(({ error }) => error?.code !== 'WRONG_STATE'));
  }
}
