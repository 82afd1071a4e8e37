/** `scull network create` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { parsePairs } from '../../cli/pairs.ts';
import { parseDns, parseInterfaceName } from '../../spec/network.ts';

export default class NetworkCreate extends ScullCommand {
  static override summary = 'Create a network';
  static override description = 'Prints its name. Containers on one network find each other by name; networks are isolated from each other. Nothing runs until a container is on it.';
  static override args = { network: Args.string({ description: 'Name; network1 or the next free one otherwise' }) };
  static override flags = {
    subnet: Flags.string({ description: 'Addresses, e.g. 10.89.4.0/24; one IPv4 and one IPv6 at most, a free one is chosen otherwise', helpValue: 'subnet', multiple: true }),
    gateway: Flags.string({ description: "The network's own address in its subnet (the first one)", helpValue: 'address', multiple: true }),
    'ip-range': Flags.string({ description: 'Part of the subnet for containers that ask for no address: a subnet, or FIRST-LAST', helpValue: 'range', multiple: true }),
    ipv6: Flags.boolean({ description: 'An IPv6 subnet too' }),
    internal: Flags.boolean({ description: 'No way out of it' }),
    dns: Flags.string({ description: "Name server for names that are no container's, instead of the host's", helpValue: 'address', multiple: true }),
    'disable-dns': Flags.boolean({ description: 'Containers do not find each other by name' }),
    label: Flags.string({ char: 'l', description: 'Set a label', helpValue: 'key=value', multiple: true }),
    opt: Flags.string({ char: 'o', description: 'Option of the driver: mtu', helpValue: 'key=value', multiple: true }),
    driver: Flags.string({ char: 'd', description: 'Network driver; there is one, bridge', helpValue: 'name', default: 'bridge' }),
    'interface-name': Flags.string({ description: 'Name of the bridge', helpValue: 'name' }),
    ignore: Flags.boolean({ description: 'A network of that name is no error; it stays as it is' }),
    'ipam-driver': Flags.option({ options: ['host-local', 'default'] as const })({ description: 'How addresses are given', hidden: true }),
    attachable: Flags.boolean({ description: 'Accepted for Docker', hidden: true }),
  };
  static override examples = [
    'scull network create front',
    { description: 'Two containers that find each other', command: 'scull run -d --network front --name db postgres && scull run --rm --network front alpine ping -c 1 db' },
    { description: 'IPv4 and IPv6, and no way out', command: 'scull network create --ipv6 --internal back' },
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(NetworkCreate);
    const options = parsePairs(flags.opt, '--opt');
    const bridge = flags['interface-name'] ?? options['com.docker.network.bridge.name'];
    const { createNetwork } = await import('../../engine/networks/create.ts');
    const network = await createNetwork(await this.engine(), {
      name: args.network,
      driver: flags.driver,
      subnets: flags.subnet,
      gateways: flags.gateway,
      ranges: flags['ip-range'],
      ipv6: flags.ipv6,
      internal: flags.internal,
      dnsServers: flags.dns?.map(parseDns),
      disableDns: flags['disable-dns'],
      labels: parsePairs(flags.label, '--label'),
      options,
      interface: bridge === undefined ? undefined : parseInterfaceName(bridge, '--interface-name'),
      ignore: flags.ignore,
    });
    this.printLine(network.name);
  }
}
