/** `scull pod rm` */
import * as Flags from '@oclif/core/flags';
import { podArgs, podIdFileFlag, podIgnoreFlag, podSelectionFlags, readPodSelection } from '../../cli/pod-selection.ts';
import { OutcomesCommand } from '../../cli/selection.ts';
import { ScullError } from '../../host/errors.ts';

export default class PodRm extends OutcomesCommand {
  static override summary = 'Remove pods with all their containers';
  static override description = 'Their anonymous volumes go too. Exit status: 1 when a pod did not exist, 2 when a container was running, 125 for anything else that failed.';
  static override args = podArgs;
  static override flags = {
    ...podSelectionFlags,
    force: Flags.boolean({ char: 'f', description: 'Kill what runs; a pod that does not exist is no error' }),
    ignore: podIgnoreFlag,
    'pod-id-file': podIdFileFlag,
    time: Flags.integer({ char: 't', aliases: ['timeout'], description: 'With --force, seconds to stop in before SIGKILL', helpValue: 'seconds', min: -1 }),
  };
  static override examples = ['scull pod rm shop', { description: 'Even while it runs', command: 'scull pod rm -f shop' }];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(PodRm);
    if (flags.time !== undefined && !flags.force) throw new ScullError('USAGE', '--time only makes sense with --force');
    const selection = readPodSelection(argv as string[], { ...flags, ignore: flags.ignore || flags.force });
    const { removePods } = await import('../../engine/pods/remove.ts');
    const outcomes = await removePods(await this.engine(), { ...selection, force: flags.force, timeout: flags.time });
    const status = await this.tell(outcomes);
    const codes = outcomes.map(({ error }) => error?.code);
    return codes.includes('NO_SUCH_POD') ? 1 : codes.includes('WRONG_STATE') ? 2 : status;
  }
}
