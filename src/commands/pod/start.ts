/** `scull pod start` */
import { podArgs, podIdFileFlag, podSelectionFlags, readPodSelection } from '../../cli/pod-selection.ts';
import { OutcomesCommand } from '../../cli/selection.ts';

export default class PodStart extends OutcomesCommand {
  static override summary = 'Start all containers of pods';
  static override description = 'The infra container first, then the others. What runs already is no error.';
  static override args = podArgs;
  static override flags = { ...podSelectionFlags, 'pod-id-file': podIdFileFlag };
  static override examples = ['scull pod start shop'];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(PodStart);
    const selection = readPodSelection(argv as string[], flags);
    const { startPods } = await import('../../engine/pods/lifecycle.ts');
    return this.tell(await startPods(await this.engine(), selection));
  }
}
