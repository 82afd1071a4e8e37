/** `scull pod prune` */
import * as Flags from '@oclif/core/flags';
import { OutcomesCommand } from '../../cli/selection.ts';

export default class PodPrune extends OutcomesCommand {
  static override summary = 'Remove all pods of which no container runs';
  static override description = 'With their containers. Prints the ids of the pods.';
  static override flags = { force: Flags.boolean({ char: 'f', description: 'Do not ask' }) };
  static override examples = ['scull pod prune', { description: 'In a script', command: 'scull pod prune -f' }];

  async run(): Promise<number> {
    const { flags } = await this.parse(PodPrune);
    const { confirm } = await import('../../cli/confirm.ts');
    if (!flags.force && !confirm('WARNING! This removes all pods of which no container runs, with their containers.')) return 0;
    const { prunePods } = await import('../../engine/pods/remove.ts');
    return this.tell(await prunePods(await this.engine()));
  }
}
