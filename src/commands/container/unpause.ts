/** `scull unpause` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { latestFlag } from '../../cli/flags/latest.ts';
import { cidfileFlag, filterFlag, OutcomesCommand, readSelection } from '../../cli/selection.ts';

export default class Unpause extends OutcomesCommand {
  static override summary = 'Go on with paused containers';
  static override args = { container: Args.string({ description: 'Name or id', multiple: true }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Go on with all paused containers' }),
    filter: filterFlag,
    cidfile: cidfileFlag,
    latest: latestFlag,
  };
  static override examples = ['scull unpause web', 'scull unpause --all'];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(Unpause);
    const selection = readSelection(argv as string[], flags, Date.now());
    const { unpauseContainers } = await import('../../engine/containers/pause.ts');
    return this.tell(await unpauseContainers(await this.engine(), selection));
  }
}
