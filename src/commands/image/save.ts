/** `scull save` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class ImageSave extends ScullCommand {
  static override summary = 'Save images to an archive or a folder';
  static override description = 'Any engine can load it. Layers are written as they are kept, compressed or not. The same image gives the same bytes every time.';
  static override args = { image: Args.string({ required: true, description: 'Name or id', multiple: true }) };
  static override flags = {
    output: Flags.string({ char: 'o', description: 'File or folder to write (default standard output)', helpValue: 'path' }),
    format: Flags.option({ options: ['docker-archive', 'oci-archive', 'oci-dir', 'docker-dir'] as const })({
      description: 'docker-archive, oci-archive, oci-dir or docker-dir',
      helpValue: 'format',
      default: 'docker-archive',
    }),
    'multi-image-archive': Flags.boolean({ char: 'm', description: 'Every name is an image (default true); false makes those after the first further names of it, as Podman does', default: true }),
    compress: Flags.boolean({ description: 'With docker-dir, compress layers' }),
    uncompressed: Flags.boolean({ description: 'With docker-archive, write layers uncompressed, for readers that want them so' }),
    quiet: Flags.boolean({ char: 'q', description: 'No progress' }),
  };
  static override examples = [
    'scull save -o app.tar app',
    { description: 'To another machine', command: 'scull save app | ssh host docker load' },
    { description: 'An OCI layout', command: 'scull save --format oci-dir -o ./app app' },
  ];

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(ImageSave);
    const { saveImages } = await import('../../engine/images/save.ts');
    const options = { format: flags.format, output: flags.output, multiple: flags['multi-image-archive'], compress: flags.compress, uncompressed: flags.uncompressed };
    await saveImages(await this.engine({ quiet: flags.quiet }), argv as string[], options);
  }
}
