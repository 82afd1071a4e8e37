/** `scull import` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { ScullError } from '../../host/errors.ts';
import { inputStream } from '../../cli/input.ts';

export default class ImageImport extends ScullCommand {
  static override summary = 'Make an image of the tar of a root file system';
  static override description = "Prints the image's id. The tar may be compressed.";
  static override args = {
    source: Args.string({ required: true, description: 'File, http(s) URL, or - for standard input' }),
    name: Args.string({ description: 'Name for the image; a short one becomes localhost/NAME' }),
  };
  static override flags = {
    change: Flags.string({ char: 'c', description: "Instruction of a Containerfile, e.g. 'CMD [\"sh\"]': CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR", helpValue: 'instruction', multiple: true }),
    message: Flags.string({ char: 'm', description: 'Comment for its history', helpValue: 'text' }),
    os: Flags.string({ description: 'Operating system it is for', helpValue: 'name' }),
    arch: Flags.string({ description: 'Processor it is for', helpValue: 'name' }),
    variant: Flags.string({ description: 'Variant of the processor', helpValue: 'name' }),
    quiet: Flags.boolean({ char: 'q', description: 'No progress' }),
  };
  static override examples = [
    { description: 'A Debian of your own', command: "mmdebstrap stable - | scull import -c 'CMD [\"bash\"]' - debian" },
    'scull import rootfs.tar.gz localhost/base:1',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ImageImport);
    if (args.source === '-' && (await this.isTerminal(0))) throw new ScullError('USAGE', 'standard input is a terminal: redirect a tar to it, or name a file');
    const { importImage } = await import('../../engine/images/import.ts');
    const options = { name: args.name, changes: flags.change, message: flags.message, os: flags.os, architecture: flags.arch, variant: flags.variant };
    const image = await importImage(await this.engine({ quiet: flags.quiet }), args.source === '-' ? await inputStream() : args.source, options);
    this.printLine(image.id);
  }
}
