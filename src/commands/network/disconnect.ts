/** `scull network disconnect` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class NetworkDisconnect extends ScullCommand {
  static override summary = 'Disconnect a container from a network';
  static override description = 'A container that runs loses the interface at once.';
  static override args = { network: Args.string({ required: true, description: 'Name or id' }), container: Args.string({ required: true, description: 'Name or id' }) };
  static override flags = { force: Flags.boolean({ char: 'f', description: 'A container that is not on it is no error' }) };
  static override examples = ['scull network disconnect back web'];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(NetworkDisconnect);
    const { disconnectContainerFrom } = await import('../../engine/networks/connect.ts');
    await disconnectContainerFrom(await this.engine(), args.container, args.network, { force: flags.force });
  }
}
