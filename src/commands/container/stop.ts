/** `scull stop` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { latestFlag } from '../../cli/flags/latest.ts';
import { cidfileFlag, filterFlag, OutcomesCommand, readSelection } from '../../cli/selection.ts';

export default class Stop extends OutcomesCommand {
  static override summary = 'Stop running containers';
  static override description =
    "Sends the container's stop signal (SIGTERM unless the image or --stop-signal says otherwise) to its first process, and SIGKILL when the time is up. Stopping a container that does not run is no error.";
  static override args = { container: Args.string({ description: 'Name or id', multiple: true }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Stop all running containers' }),
    time: Flags.integer({ char: 't', aliases: ['timeout'], description: "Seconds before SIGKILL (default the container's, usually 10); -1 waits for ever", helpValue: 'seconds', min: -1 }),
    ignore: Flags.boolean({ char: 'i', description: 'A container that does not exist is no error' }),
    filter: filterFlag,
    cidfile: cidfileFlag,
    latest: latestFlag,
  };
  static override examples = [
    { description: 'Stop one, giving it half a minute', command: 'scull stop -t 30 database' },
    { description: 'Stop all that have a label', command: 'scull stop --filter label=tier=test' },
    { description: 'Stop everything', command: 'scull stop --all' },
  ];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(Stop);
    const selection = readSelection(argv as string[], flags, Date.now());
    const { stopContainers } = await import('../../engine/containers/stop.ts');
    return this.tell(await stopContainers(await this.engine(), { ...selection, timeout: flags.time }));
  }
}
