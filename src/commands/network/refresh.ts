/** `scull network refresh`: called by our own processes that notice when a container has left or resolv.conf was changed. */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class NetworkRefresh extends ScullCommand {
  static override summary = 'Bring names and addresses of networks up to date';
  static override description = 'Called by scull itself; `scull network reload` is for people.';
  static override hidden = true;
  static override args = { container: Args.string({ description: 'Id of a container of the default network; named networks otherwise' }) };
  static override flags = {};
  static override examples = ['scull network refresh'];

  async run(): Promise<void> {
    const { args } = await this.parse(NetworkRefresh);
    const { refreshContainer, refreshNetworks } = await import('../../engine/networks/refresh.ts');
    await (args.container === undefined ? refreshNetworks(await this.engine()) : refreshContainer(await this.engine(), args.container));
  }
}
