/** `scull pod top` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class PodTop extends ScullCommand {
  static override summary = 'Show the processes of a pod';
  static override description = 'Of all its containers that run. Columns are those of `scull top`.';
  static override args = {
    pod: Args.string({ description: 'Name or id' }),
    columns: Args.string({ description: 'Columns, apart or with commas', multiple: true }),
  };
  static override flags = { latest: Flags.boolean({ char: 'l', description: 'The pod made last' }) };
  static override stopAtFirstWord = true;
  static override examples = ['scull pod top shop', { description: 'Process ids as the host sees them', command: 'scull pod top shop hpid args' }];

  async run(): Promise<void> {
    const { args, argv, flags } = await this.parse(PodTop);
    if (args.pod === undefined && !flags.latest) this.usage('the name or id of a pod is missing');
    const { topPod } = await import('../../engine/pods/observe.ts');
    const words = argv as string[];
    const { titles, rows } = await topPod(await this.engine(), flags.latest ? undefined : args.pod, flags.latest ? words : words.slice(1));
    const { renderTable } = await import('../../cli/present/table.ts');
    this.print(renderTable([titles, ...rows]));
  }
}
