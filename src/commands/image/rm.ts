/** `scull rmi` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { ScullError } from '../../host/errors.ts';

export default class ImageRm extends ScullCommand {
  static override summary = 'Remove images';
  static override description =
    'A name of several is only taken away; with the last one the image goes. Exit status: 1 when an image was not here, 2 when a container uses one, 125 for anything else that failed.';
  static override args = { image: Args.string({ description: 'Name or id', multiple: true }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Remove all images' }),
    force: Flags.boolean({ char: 'f', description: 'Remove the containers made from it too, and all its names; an image that is not here is no error' }),
    ignore: Flags.boolean({ char: 'i', description: 'An image that is not here is no error' }),
    'no-prune': Flags.boolean({ description: 'Keep the data of the image until the next prune' }),
  };
  static override examples = ['scull rmi debian:12', { description: 'Everything, with all containers', command: 'scull rmi -af' }];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(ImageRm);
    if (flags.all && argv.length > 0) throw new ScullError('USAGE', '--all takes no names of images');
    if (!flags.all && argv.length === 0) throw new ScullError('USAGE', 'the name or id of an image is missing');
    const { removeImages } = await import('../../engine/images/remove.ts');
    const options = { all: flags.all, force: flags.force, ignore: flags.ignore || flags.force, noPrune: flags['no-prune'] };
    const { untagged, deleted, errors } = await removeImages(await this.engine(), argv as string[], options);
    this.print([...untagged.map((name) => `Untagged: ${name}\n`), ...deleted.map((id) => `Deleted: ${id}\n`)].join(''));
    let status = 0;
    for (const error of errors) status = await this.report(error);
    const codes = errors.map(({ code }) => code);
    return codes.includes('NO_SUCH_IMAGE') ? 1 : codes.includes('IN_USE') ? 2 : status;
  }
}
