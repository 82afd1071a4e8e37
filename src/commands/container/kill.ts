/** `scull kill` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { latestFlag } from '../../cli/flags/latest.ts';
import { cidfileFlag, OutcomesCommand, readSelection } from '../../cli/selection.ts';

export default class Kill extends OutcomesCommand {
  static override summary = 'Send a signal to running containers';
  static override description = 'The signal goes to the first process of the container; SIGKILL ends all of it.';
  static override args = { container: Args.string({ description: 'Name or id', multiple: true }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Signal all running containers' }),
    signal: Flags.string({ char: 's', description: 'Name or number of the signal', helpValue: 'signal', default: 'KILL' }),
    cidfile: cidfileFlag,
    latest: latestFlag,
  };
  static override examples = [
    { description: 'End a container at once', command: 'scull kill web' },
    { description: 'Have a program read its configuration again', command: 'scull kill -s HUP web' },
  ];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(Kill);
    const selection = readSelection(argv as string[], flags, Date.now());
    const { killContainers } = await import('../../engine/containers/stop.ts');
    return this.tell(await killContainers(await this.engine(), { ...selection, signal: flags.signal }));
  }
}
