/** `scull history` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class ImageHistory extends ScullCommand {
  static override summary = 'Show how an image came to be';
  static override description = 'The newest step first. Sizes are those of the layers, uncompressed.';
  static override args = { image: Args.string({ required: true, description: 'Name or id' }) };
  static override flags = {
    format: Flags.string({ description: "json, or a Go template, e.g. '{{.CreatedBy}}'", helpValue: 'format' }),
    human: Flags.boolean({ char: 'H', description: 'Sizes and times for people (default true)', default: true }),
    'no-trunc': Flags.boolean({ description: 'Whole ids and commands' }),
    quiet: Flags.boolean({ char: 'q', description: 'Ids only' }),
  };
  static override examples = ['scull history debian', { description: 'The commands it was built with', command: "scull history --no-trunc --format '{{.CreatedBy}}' app" }];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ImageHistory);
    const { findImage } = await import('../../engine/images/find.ts');
    const { archiveSizeOf } = await import('../../storage/layers/store.ts');
    const engine = await this.engine();
    const image = await findImage(engine, args.image);
    const { presentHistory } = await import('../../cli/present/history.ts');
    this.print(await presentHistory(image, { sizes: image.layers.map((layer) => archiveSizeOf(engine.store, layer)), format: flags.format, human: flags.human, noTrunc: flags['no-trunc'], quiet: flags.quiet, now: Date.now() }));
  }
}
