/** `scull network rm` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { OutcomesCommand } from '../../cli/selection.ts';
import { ScullError } from '../../host/errors.ts';

export default class NetworkRm extends OutcomesCommand {
  static override summary = 'Remove networks';
  static override description = 'Exit status: 1 when a network did not exist, 2 when a container is on one, 125 for anything else that failed.';
  static override args = { network: Args.string({ required: true, description: 'Name or id', multiple: true }) };
  static override flags = {
    force: Flags.boolean({ char: 'f', description: 'Remove the containers on it too; a network that does not exist is no error' }),
    time: Flags.integer({ char: 't', aliases: ['timeout'], description: 'With --force, seconds for containers to stop in', helpValue: 'seconds', min: -1 }),
  };
  static override examples = ['scull network rm front', { description: 'The network and whatever is on it', command: 'scull network rm -f front' }];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(NetworkRm);
    if (flags.time !== undefined && !flags.force) throw new ScullError('USAGE', '--time only makes sense with --force');
    const { removeNetworks } = await import('../../engine/networks/remove.ts');
    const outcomes = await removeNetworks(await this.engine(), { names: argv as string[], force: flags.force, timeout: flags.time });
    const status = await this.tell(outcomes);
    const codes = outcomes.map(({ error }) => error?.code);
    return codes.includes('NO_SUCH_NETWORK') ? 1 : codes.includes('IN_USE') ? 2 : status;
  }
}
