/** `scull pod restart` */
import * as Flags from '@oclif/core/flags';
import { podArgs, podSelectionFlags, readPodSelection } from '../../cli/pod-selection.ts';
import { OutcomesCommand } from '../../cli/selection.ts';

export default class PodRestart extends OutcomesCommand {
  static override summary = 'Stop all containers of pods, and start them again';
  static override description = 'Those that do not run are started.';
  static override args = podArgs;
  static override flags = {
    ...podSelectionFlags,
    time: Flags.integer({ char: 't', aliases: ['timeout'], description: "Seconds before SIGKILL (default each container's, usually 10); -1 waits for ever", helpValue: 'seconds', min: -1 }),
  };
  static override examples = ['scull pod restart shop'];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(PodRestart);
    const selection = readPodSelection(argv as string[], flags);
    const { restartPods } = await import('../../engine/pods/lifecycle.ts');
    return this.tell(await restartPods(await this.engine(), { ...selection, timeout: flags.time }));
  }
}
