/** `scull pod unpause` */
import { podArgs, podSelectionFlags, readPodSelection } from '../../cli/pod-selection.ts';
import { OutcomesCommand } from '../../cli/selection.ts';

export default class PodUnpause extends OutcomesCommand {
  static override summary = 'Let all processes of pods go on';
  static override description = 'After \`scull pod pause\`.';
  static override args = podArgs;
  static override flags = { ...podSelectionFlags };
  static override examples = ['scull pod unpause shop'];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(PodUnpause);
    const selection = readPodSelection(argv as string[], flags);
    const { unpausePods } = await import('../../engine/pods/lifecycle.ts');
    return this.tell(await unpausePods(await this.engine(), selection));
  }
}
