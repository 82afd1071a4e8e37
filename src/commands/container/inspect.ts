/** `scull container inspect` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { latestFlag } from '../../cli/flags/latest.ts';
import { inspectEach } from '../../cli/inspection.ts';

export default class ContainerInspect extends ScullCommand {
  static override summary = 'Show all that is known of containers';
  static override description = 'JSON in the shape of Docker\'s.';
  static override args = { container: Args.string({ required: true, description: 'Name or id', multiple: true }) };
  static override flags = {
    format: Flags.string({ char: 'f', description: 'json (default), or a Go template', helpValue: 'format' }),
    size: Flags.boolean({ char: 's', description: 'Sizes of their file systems, which takes time' }),
    latest: latestFlag,
  };
  static override examples = [
    'scull container inspect web',
    { description: 'One fact', command: "scull container inspect -f '{{.State.Status}}' web" },
  ];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(ContainerInspect);
    const engine = await this.engine();
    const { inspectContainer } = await import('../../engine/containers/inspect.ts');
    const { objects, errors } = await inspectEach(argv as string[], (name) => inspectContainer(engine, name, { size: flags.size }));
    const { presentInspect } = await import('../../cli/present/inspect.ts');
    this.print(presentInspect(objects, flags.format));
    let status = 0;
    for (const error of errors) status = await this.report(error);
    return status;
  }
}
