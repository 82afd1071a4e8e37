/** `scull pod clone` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { ScullError } from '../../host/errors.ts';

export default class PodClone extends ScullCommand {
  static override summary = 'Make a pod like another one, with containers like its containers';
  static override description = [
    'Prints the new pod’s id. Its containers are made anew from what the others were asked to be, and are called after them; what those have written is not copied.',
    'Ports are those of the other pod: only one of the two can run while they publish the same.',
  ].join('\n');
  static override examples = [
    'scull pod clone shop',
    { description: 'In place of the other one', command: 'scull pod clone --destroy --start shop shop2' },
  ];
  static override args = {
    pod: Args.string({ description: 'Name or id of the pod', required: true }),
    name: Args.string({ description: 'Name of the new one, as --name; that of the other with -clone unless given' }),
  };
  static override flags = {
    name: Flags.string({ char: 'n', description: 'Name of the new pod', helpValue: 'name' }),
    destroy: Flags.boolean({ description: 'Remove the other pod when the new one is made' }),
    start: Flags.boolean({ description: 'Start the new pod' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PodClone);
    if (args.name !== undefined && flags.name !== undefined) throw new ScullError('USAGE', '--name and a name as the last word cannot be used together');
    const [{ clonePod }, { parseName }] = await Promise.all([import('../../engine/pods/clone.ts'), import('../../spec/name.ts')]);
    const name = flags.name ?? args.name;
    const pod = await clonePod(await this.engine(), args.pod, { name: name === undefined ? undefined : parseName(name, 'pod'), destroy: flags.destroy, start: flags.start });
    this.printLine(pod.id);
  }
}
