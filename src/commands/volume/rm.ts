/** `scull volume rm` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullError } from '../../host/errors.ts';
import { OutcomesCommand } from '../../cli/selection.ts';

export default class VolumeRm extends OutcomesCommand {
  static override summary = 'Remove volumes';
  static override description = 'Exit status: 1 when a volume did not exist, 2 when a container uses one, 125 for anything else that failed.';
  static override args = { volume: Args.string({ description: 'Name', multiple: true }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Remove all volumes' }),
    force: Flags.boolean({ char: 'f', description: 'Remove the containers that use it too; a volume that does not exist is no error' }),
    time: Flags.integer({ char: 't', aliases: ['timeout'], description: 'With --force, seconds for containers to stop in', helpValue: 'seconds', min: -1 }),
  };
  static override examples = ['scull volume rm data', { description: 'The volume and whatever uses it', command: 'scull volume rm -f data' }];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(VolumeRm);
    if (flags.all === argv.length > 0) throw new ScullError('USAGE', 'give names of volumes, or --all');
    if (flags.time !== undefined && !flags.force) throw new ScullError('USAGE', '--time only makes sense with --force');
    const { removeVolumes } = await import('../../engine/volumes/remove.ts');
    const outcomes = await removeVolumes(await this.engine(), { names: argv as string[], all: flags.all, force: flags.force, timeout: flags.time });
    const status = await this.tell(outcomes);
    const codes = outcomes.map(({ error }) => error?.code);
    return codes.includes('NO_SUCH_VOLUME') ? 1 : codes.includes('IN_USE') ? 2 : status;
  }
}
