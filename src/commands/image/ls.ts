/** `scull images`, `scull image ls` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { ScullError } from '../../host/errors.ts';
import { filterImages } from '../../cli/image-filters.ts';

export default class ImageLs extends ScullCommand {
  static override summary = 'List images';
  static override description = 'One line for each name, the newest first.';
  static override args = { image: Args.string({ description: 'Only this image, or those whose name matches, e.g. debian or localhost/*' }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Accepted for Docker; no image is ever hidden' }),
    digests: Flags.boolean({ description: 'Show digests' }),
    filter: Flags.string({ char: 'f', description: 'Only images that this fits, e.g. dangling=true, label=tier=test, reference=debian:*, before=IMAGE, since=IMAGE, until=24h, containers=true, manifest=true; != excludes', helpValue: 'key=value', multiple: true }),
    format: Flags.string({ description: "json, or a Go template, e.g. '{{.Repository}}:{{.Tag}} {{.Size}}'", helpValue: 'format' }),
    history: Flags.boolean({ description: 'Show the names of each image in a column of their own' }),
    'no-trunc': Flags.boolean({ description: 'Whole ids' }),
    noheading: Flags.boolean({ char: 'n', description: 'No headings' }),
    quiet: Flags.boolean({ char: 'q', description: 'Ids only' }),
    sort: Flags.string({ description: 'created (default), id, repository, size or tag', helpValue: 'key' }),
  };
  static override examples = [
    'scull images',
    { description: 'Remove images without a name', command: 'scull rmi $(scull images -q --filter dangling=true)' },
    { description: 'Names only', command: "scull images --format '{{.Repository}}:{{.Tag}}'" },
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ImageLs);
    if (args.image !== undefined && flags.filter !== undefined) throw new ScullError('USAGE', '--filter takes no name of an image');
    const now = Date.now();
    const engine = await this.engine();
    const { findStored } = await import('../../engine/images/find.ts');
    const { containersOfImages, layersOfImages, listImages } = await import('../../engine/images/list.ts');
    const filters = args.image === undefined ? flags.filter : [`reference=${args.image}`];
    const containers = (): ReadonlyMap<string, number> => containersOfImages(engine);
    const images = await filterImages(listImages(engine), filters, { now, find: (name) => findStored(engine, name), containers, layers: () => layersOfImages(engine) });
    const { presentImages } = await import('../../cli/present/images.ts');
    const options = { format: flags.format, quiet: flags.quiet, noTrunc: flags['no-trunc'], noHeading: flags.noheading, digests: flags.digests, history: flags.history, sort: flags.sort, containers, now };
    this.print(await presentImages(images, options));
  }
}
