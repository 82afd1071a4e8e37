/** `scull container clone` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';
import { resourceFlags } from '../../cli/flags/container.ts';
import { text, toggle } from '../../cli/flags/declare.ts';

export default class Clone extends ScullCommand {
  static override summary = 'Make another container like one that is there';
  static override description = [
    'What was asked for when the original was made is asked for again, but for what is given here; its name is followed by -clone. Prints the id.',
    'What the original wrote stays its own (see `scull commit`). Named volumes are shared, anonymous ones are new.',
  ].join('\n');
  static override args = {
    container: Args.string({ required: true, description: 'Name or id' }),
    name: Args.string({ description: 'Name of the new one' }),
    image: Args.string({ description: 'Another image for it' }),
  };
  static override flags = {
    name: text('identity', 'name', 'Name of the new one'),
    pod: text('identity', 'pod', 'Let it live in this pod, with the namespaces of that'),
    destroy: toggle('process', 'Remove the original'),
    force: toggle('process', 'With --destroy, also when it runs', { char: 'f' }),
    run: toggle('process', 'Start it, in the background'),
    ...resourceFlags,
  };
  static override examples = [
    { description: 'The same with less memory, in its place', command: 'scull container clone --destroy --force --run --memory 256m web' },
    { description: 'Try a newer image beside it', command: 'scull container clone db db-next docker.io/library/postgres:18' },
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Clone);
    if (flags.force === true && flags.destroy !== true) this.usage('--force only makes sense with --destroy');
    if (flags.name !== undefined && args.name !== undefined) this.usage('the name was given twice');
    const [{ parseResources }, { cloneContainer }] = await Promise.all([import('../../spec/resources.ts'), import('../../engine/containers/clone.ts')]);
    const { destroy = false, force = false, run = false, pod } = flags;
    const options = { name: flags.name ?? args.name, image: args.image, pod, resources: parseResources(flags), destroy, force, run };
    this.printLine(await cloneContainer(await this.engine(), args.container, options));
  }
}
