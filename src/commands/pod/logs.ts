/** `scull pod logs` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { logFlags, logOptions } from '../../cli/flags/logs.ts';
import { ClosedOutputError, errnoOf } from '../../host/errors.ts';

export default class PodLogs extends ScullCommand {
  static override summary = 'Print what the containers of a pod wrote';
  static override description = 'Each line begins with the name of its container. With --container only what one of them wrote.';
  static override args = { pod: Args.string({ description: 'Name or id' }) };
  static override flags = {
    ...logFlags,
    container: Flags.string({ char: 'c', description: 'Only this container', helpValue: 'container' }),
    latest: Flags.boolean({ char: 'l', description: 'The pod made last' }),
    tail: Flags.string({ description: 'Only the last n lines of each', helpValue: 'n', default: 'all' }),
  };
  static override examples = ['scull pod logs -f shop', { description: 'One of its containers', command: 'scull pod logs -c web --tail 10 shop' }];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PodLogs);
    if ((args.pod === undefined) !== (flags.latest === true)) this.usage('give the name of one pod, or --latest');
    const options = logOptions(flags, Date.now());
    const { streamPodLogs } = await import('../../engine/pods/observe.ts');
    try {
      await streamPodLogs(await this.engine(), args.pod, flags.container, options, 1, 2);
    } catch (error) {
      if (errnoOf(error) === 'EPIPE') throw new ClosedOutputError();
      throw error;
    }
  }
}
