/** `scull volume exists` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class VolumeExists extends ScullCommand {
  static override summary = 'Tell by exit status whether a volume exists';
  static override description = 'Exit status 0: it does, 1: it does not, 125: that could not be found out. Nothing is printed.';
  static override args = { volume: Args.string({ required: true, description: 'Name' }) };
  static override examples = ['scull volume exists data || scull volume create data'];

  async run(): Promise<number> {
    const { args } = await this.parse(VolumeExists);
    const { volumeExists } = await import('../../engine/volumes/find.ts');
    return volumeExists(await this.engine(), args.volume) ? 0 : 1;
  }
}
