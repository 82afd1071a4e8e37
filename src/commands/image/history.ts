/** `scull history` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class ImageHistory extends ScullCommand {
  static override summary = 'Show how an image came to be';
  static override description = 'The newest step first. Sizes are those of the layers as they are kept, compressed.';
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
    const image = findImage(await this.engine(), args.image);
    const { presentHistory } = await import('../../cli/present/history.ts');
    this.print(await presentHistory(image, { format: flags.format, human: flags.human, noTrunc: flags['no-trunc'], quiet: flags.quiet, now: Date.now() }));
  }
}
