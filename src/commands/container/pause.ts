/** `scull pause` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { latestFlag } from '../../cli/flags/latest.ts';
import { cidfileFlag, filterFlag, OutcomesCommand, readSelection } from '../../cli/selection.ts';

export default class Pause extends OutcomesCommand {
  static override summary = 'Freeze running containers';
  static override description = 'Its processes stay where they are and get no time until it is unpaused. This needs a cgroup of the container\'s own.';
  static override args = { container: Args.string({ description: 'Name or id', multiple: true }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Freeze all running containers' }),
    filter: filterFlag,
    cidfile: cidfileFlag,
    latest: latestFlag,
  };
  static override examples = ['scull pause web', 'scull pause --all'];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(Pause);
    const selection = readSelection(argv as string[], flags, Date.now());
    const { pauseContainers } = await import('../../engine/containers/pause.ts');
    return this.tell(await pauseContainers(await this.engine(), selection));
  }
}
