/** `scull volume import` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';
import { inputStream } from '../../cli/input.ts';

export default class VolumeImport extends ScullCommand {
  static override summary = 'Unpack a tar into a volume';
  static override description = 'The volume must exist. What is in it stays, unless the tar has something of the same name. The tar may be compressed.';
  static override args = {
    volume: Args.string({ required: true, description: 'Name' }),
    source: Args.string({ description: 'File, or - for standard input', default: '-' }),
  };
  static override examples = ['scull volume import data data.tar', { description: 'Fill a new volume', command: 'scull volume create data && tar -c -C ./seed . | scull volume import data -' }];

  async run(): Promise<void> {
    const { args } = await this.parse(VolumeImport);
    if (args.source === '-' && (await this.isTerminal(0))) this.usage('standard input is a terminal: redirect a tar to it, or name a file');
    const { importVolume } = await import('../../engine/volumes/archive.ts');
    await importVolume(await this.engine(), args.volume, args.source === '-' ? await inputStream() : args.source);
  }
}
