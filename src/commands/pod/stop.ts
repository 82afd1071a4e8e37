/** `scull pod stop` */
import * as Flags from '@oclif/core/flags';
import { podArgs, podIdFileFlag, podIgnoreFlag, podSelectionFlags, readPodSelection } from '../../cli/pod-selection.ts';
import { OutcomesCommand } from '../../cli/selection.ts';

export default class PodStop extends OutcomesCommand {
  static override summary = 'Stop all containers of pods';
  static override description = 'Each gets its stop signal, and SIGKILL when the time is up; the infra container comes last. A pod that does not run is no error.';
  static override args = podArgs;
  static override flags = {
    ...podSelectionFlags,
    ignore: podIgnoreFlag,
    'pod-id-file': podIdFileFlag,
    time: Flags.integer({ char: 't', aliases: ['timeout'], description: "Seconds before SIGKILL (default each container's, usually 10); -1 waits for ever", helpValue: 'seconds', min: -1 }),
  };
  static override examples = ['scull pod stop shop', { description: 'All of them, without patience', command: 'scull pod stop --all --time 0' }];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(PodStop);
    const selection = readPodSelection(argv as string[], flags);
    const { stopPods } = await import('../../engine/pods/lifecycle.ts');
    return this.tell(await stopPods(await this.engine(), selection, flags.time));
  }
}
