/** `scull load` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { ScullError } from '../../host/errors.ts';
import { inputFileOrStream } from '../../cli/input.ts';

export default class ImageLoad extends ScullCommand {
  static override summary = 'Load images from an archive or a folder';
  static override description = 'Takes what docker save, podman save and skopeo write, OCI archives and layouts, compressed or not. Prints the names of what was loaded.';
  static override flags = {
    input: Flags.string({ char: 'i', description: 'File or folder (default standard input)', helpValue: 'path' }),
    quiet: Flags.boolean({ char: 'q', description: 'No progress' }),
  };
  static override examples = ['scull load -i app.tar', { description: 'From another machine', command: 'ssh build docker save app | scull load' }];

  async run(): Promise<void> {
    const { flags } = await this.parse(ImageLoad);
    if (flags.input === undefined && (await this.isTerminal(0))) throw new ScullError('USAGE', 'standard input is a terminal: give --input, or redirect an archive to standard input');
    const { loadImages } = await import('../../engine/images/load.ts');
    const loaded = await loadImages(await this.engine({ quiet: flags.quiet }), flags.input ?? (await inputFileOrStream()));
    this.print(loaded.map((name) => `Loaded image: ${name}\n`).join(''));
  }
}
