/** `scull network reload` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { latestFlag } from '../../cli/flags/latest.ts';
import { OutcomesCommand, readSelection } from '../../cli/selection.ts';

export default class NetworkReload extends OutcomesCommand {
  static override summary = 'Bring the networks of containers that run back in order';
  static override description = 'Starts again what was killed (pasta, aardvark-dns, what publishes ports) and makes the interfaces anew; addresses stay. Connections through them are lost.';
  static override args = { container: Args.string({ description: 'Name or id', multiple: true }) };
  static override flags = { all: Flags.boolean({ char: 'a', description: 'All containers that run' }), latest: latestFlag };
  static override examples = ['scull network reload web', { description: 'After the host has changed its network', command: 'scull network reload --all' }];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(NetworkReload);
    const selection = readSelection(argv as string[], { all: flags.all }, Date.now());
    const { reloadNetworks } = await import('../../engine/networks/reload.ts');
    return this.tell(await reloadNetworks(await this.engine(), selection));
  }
}
