/** `scull image inspect` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { inspectEach } from '../../cli/inspection.ts';

export default class ImageInspect extends ScullCommand {
  static override summary = 'Show all that is known of images';
  static override description = 'JSON in the shape of Docker\'s.';
  static override args = { image: Args.string({ required: true, description: 'Name or id', multiple: true }) };
  static override flags = {
    format: Flags.string({ char: 'f', description: 'json (default), or a Go template', helpValue: 'format' }),
  };
  static override examples = [
    'scull image inspect debian',
    { description: 'The command it runs', command: "scull image inspect -f '{{.Config.Cmd}}' debian" },
  ];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(ImageInspect);
    const engine = await this.engine();
    const { inspectImage } = await import('../../engine/images/inspect.ts');
    const { objects, errors } = await inspectEach(argv as string[], (name) => inspectImage(engine, name));
    const { presentInspect } = await import('../../cli/present/inspect.ts');
    this.print(presentInspect(objects, flags.format));
    let status = 0;
    for (const error of errors) status = await this.report(error);
    return status;
  }
}
