/** `scull network connect` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { parseNetworks } from '../../spec/network.ts';

export default class NetworkConnect extends ScullCommand {
  static override summary = 'Connect a container to one more network';
  static override description = 'A container that runs gets the interface at once. Only containers that are on networks of several, or were made with --network bridge, can be connected.';
  static override args = { network: Args.string({ required: true, description: 'Name or id' }), container: Args.string({ required: true, description: 'Name or id' }) };
  static override flags = {
    alias: Flags.string({ description: 'Further name of the container on that network', helpValue: 'name', multiple: true }),
    ip: Flags.string({ description: 'IPv4 address', helpValue: 'address' }),
    ip6: Flags.string({ description: 'IPv6 address', helpValue: 'address' }),
    'mac-address': Flags.string({ description: 'Hardware address', helpValue: 'address' }),
  };
  static override examples = ['scull network connect back web', { description: 'With a name of its own there', command: 'scull network connect --alias db back postgres16' }];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(NetworkConnect);
    const engine = await this.engine();
    const { findNetwork } = await import('../../engine/networks/find.ts');
    const { name } = findNetwork(engine, args.network);
    const mode = parseNetworks([name], { ipv4: flags.ip, ipv6: flags.ip6, mac: flags['mac-address'], aliases: flags.alias ?? [] });
    const { connectContainerTo } = await import('../../engine/networks/connect.ts');
    if (mode.mode === 'networks' && mode.networks[0] !== undefined) await connectContainerTo(engine, args.container, mode.networks[0]);
  }
}
