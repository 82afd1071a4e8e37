/** `scull network exists` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class NetworkExists extends ScullCommand {
  static override summary = 'Tell by exit status whether a network exists';
  static override description = 'Exit status 0: it does, 1: it does not, 125: that could not be found out. Nothing is printed.';
  static override args = { network: Args.string({ required: true, description: 'Name or id' }) };
  static override examples = ['scull network exists front || scull network create front'];

  async run(): Promise<number> {
    const { args } = await this.parse(NetworkExists);
    const { networkExists } = await import('../../engine/networks/find.ts');
    return networkExists(await this.engine(), args.network) ? 0 : 1;
  }
}
