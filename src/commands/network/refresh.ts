/** `scull network refresh`: called by the process that holds networks together, when a container has left or resolv.conf was changed. */
import { ScullCommand } from '../../cli/command.ts';

export default class NetworkRefresh extends ScullCommand {
  static override summary = 'Bring names and addresses of networks up to date';
  static override description = 'Called by scull itself; `scull network reload` is for people.';
  static override hidden = true;
  static override args = {};
  static override flags = {};
  static override examples = ['scull network refresh'];

  async run(): Promise<void> {
    await this.parse(NetworkRefresh);
    const { refreshNetworks } = await import('../../engine/networks/reload.ts');
    await refreshNetworks(await this.engine());
  }
}
