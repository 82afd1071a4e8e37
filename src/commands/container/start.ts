/** `scull start` */
import * as Args from '@oclif/core/args';
import { detachKeysFlag, sigProxyFlag } from '../../cli/flags/attach.ts';
import { toggle } from '../../cli/flags/declare.ts';
import { latestFlag } from '../../cli/flags/latest.ts';
import { filterFlag, OutcomesCommand, readSelection } from '../../cli/selection.ts';

export default class Start extends OutcomesCommand {
  static override summary = 'Start containers that were created or have ended';
  static override description = 'With --attach the exit status is that of the container, as with `scull run`. Starting a container that runs is no error.';
  static override examples = [
    { description: 'Start two in the background', command: 'scull start database web' },
    { description: 'Run a finished job again and see its output', command: 'scull start --attach job' },
    { description: 'Go back into a shell', command: 'scull start -ai shell' },
  ];
  static override args = { container: Args.string({ description: 'Name or id', multiple: true }) };
  static override flags = {
    attach: toggle('attach', 'Show what the container prints, and end with it', { char: 'a' }),
    interactive: toggle('attach', 'Pass standard input on; with --attach', { char: 'i' }),
    'detach-keys': detachKeysFlag,
    'sig-proxy': sigProxyFlag,
    all: toggle('selection', 'Start all containers that do not run'),
    filter: filterFlag,
    latest: latestFlag,
  };

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(Start);
    const names = argv as string[];
    const attached = flags.attach === true || flags.interactive === true;
    if (attached) {
      if (names.length !== 1 || flags.all === true || flags.filter !== undefined) this.usage('only one container can be started with --attach or --interactive');
      const { startAttached } = await import('../../engine/containers/start.ts');
      return startAttached(await this.engine(), names[0] as string, {
        stdin: flags.interactive ?? false,
        sigProxy: flags['sig-proxy'] ?? true,
        detachKeys: flags['detach-keys'],
      });
    }
    const selection = readSelection(names, flags, Date.now());
    const { startContainers } = await import('../../engine/containers/start.ts');
    return this.tell(await startContainers(await this.engine(), selection));
  }
}
