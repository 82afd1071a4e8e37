/** `scull pod kill` */
import * as Flags from '@oclif/core/flags';
import { podArgs, podSelectionFlags, readPodSelection } from '../../cli/pod-selection.ts';
import { OutcomesCommand } from '../../cli/selection.ts';

export default class PodKill extends OutcomesCommand {
  static override summary = 'Send a signal to all running containers of pods';
  static override description = 'SIGKILL unless another is given, to the first process of each.';
  static override args = podArgs;
  static override flags = {
    ...podSelectionFlags,
    signal: Flags.string({ char: 's', description: 'Name or number of the signal (default KILL)', helpValue: 'signal' }),
  };
  static override examples = ['scull pod kill shop', 'scull pod kill -s HUP shop'];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(PodKill);
    const selection = readPodSelection(argv as string[], flags);
    const { killPods } = await import('../../engine/pods/lifecycle.ts');
    return this.tell(await killPods(await this.engine(), { ...selection, signal: flags.signal }));
  }
}
