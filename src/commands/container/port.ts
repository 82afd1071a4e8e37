/** `scull port` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { latestFlag } from '../../cli/flags/latest.ts';
import { ScullError } from '../../host/errors.ts';

export default class Port extends ScullCommand {
  static override summary = 'Show where the ports of a container are published';
  static override args = {
    container: Args.string({ description: 'Name or id' }),
    port: Args.string({ description: 'One port of the container, e.g. 80 or 53/udp' }),
  };
  static override flags = { all: Flags.boolean({ char: 'a', description: 'Of all containers that run' }), latest: latestFlag };
  static override examples = ['scull port web', { description: 'The address of one port', command: 'curl http://$(scull port web 80)/' }];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Port);
    const { presentPort, presentPorts } = await import('../../cli/present/ports.ts');
    if (flags.all) {
      if (args.container !== undefined) throw new ScullError('USAGE', '--all takes no name of a container');
      const { listContainers } = await import('../../engine/containers/list.ts');
      for (const { id, ports } of await listContainers(await this.engine())) this.print(presentPorts(ports, `${id.slice(0, 12)}\t`));
      return;
    }
    if (args.container === undefined) throw new ScullError('USAGE', 'the name or id of a container is missing');
    const { portsOf } = await import('../../engine/containers/ports.ts');
    const ports = portsOf(await this.engine(), args.container);
    this.print(args.port === undefined ? presentPorts(ports) : presentPort(ports, args.port));
  }
}
