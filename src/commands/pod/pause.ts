/** `scull pod pause` */
import { podArgs, podSelectionFlags, readPodSelection } from '../../cli/pod-selection.ts';
import { OutcomesCommand } from '../../cli/selection.ts';

export default class PodPause extends OutcomesCommand {
  static override summary = 'Suspend all processes of pods';
  static override description = 'Needs control groups that are delegated to you.';
  static override args = podArgs;
  static override flags = { ...podSelectionFlags };
  static override examples = ['scull pod pause shop'];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(PodPause);
    const selection = readPodSelection(argv as string[], flags);
    const { pausePods } = await import('../../engine/pods/lifecycle.ts');
    return this.tell(await pausePods(await this.engine(), selection));
  }
}
