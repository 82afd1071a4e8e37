/** `scull volume export` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class VolumeExport extends ScullCommand {
  static override summary = 'Write the content of a volume as a tar';
  static override description = 'Owners are as containers see them, so that `volume import` gives the same, here or on another machine.';
  static override args = { volume: Args.string({ required: true, description: 'Name' }) };
  static override flags = { output: Flags.string({ char: 'o', description: 'File to write (default standard output)', helpValue: 'file' }) };
  static override examples = ['scull volume export -o data.tar data', { description: 'To another machine', command: 'scull volume export data | ssh host scull volume import data -' }];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(VolumeExport);
    const { exportVolume } = await import('../../engine/volumes/archive.ts');
    await exportVolume(await this.engine(), args.volume, flags.output);
  }
}
