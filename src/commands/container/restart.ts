/** `scull restart` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { latestFlag } from '../../cli/flags/latest.ts';
import { cidfileFlag, filterFlag, OutcomesCommand, readSelection } from '../../cli/selection.ts';

export default class Restart extends OutcomesCommand {
  static override summary = 'Stop containers and start them again';
  static override description = 'A container that does not run is started.';
  static override args = { container: Args.string({ description: 'Name or id', multiple: true }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Restart all containers, whether they run or not' }),
    running: Flags.boolean({ description: 'Restart all that run' }),
    time: Flags.integer({ char: 't', aliases: ['timeout'], description: "Seconds before SIGKILL (default the container's, usually 10)", helpValue: 'seconds', min: -1 }),
    filter: filterFlag,
    cidfile: cidfileFlag,
    latest: latestFlag,
  };
  static override examples = [
    { description: 'Restart one at once', command: 'scull restart -t 0 web' },
    { description: 'Restart all that run', command: 'scull restart --running' },
  ];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(Restart);
    const selection = readSelection(argv as string[], { ...flags, all: flags.all || flags.running }, Date.now());
    const { restartContainers } = await import('../../engine/containers/restart.ts');
    return this.tell(await restartContainers(await this.engine(), { ...selection, running: flags.running, timeout: flags.time }));
  }
}
