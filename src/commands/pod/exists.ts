/** `scull pod exists` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class PodExists extends ScullCommand {
  static override summary = 'Tell by exit status whether a pod exists';
  static override description = 'Exit status 0: it does, 1: it does not, 125: that could not be found out. Nothing is printed.';
  static override args = { pod: Args.string({ required: true, description: 'Name or id' }) };
  static override examples = ['scull pod exists shop || scull pod create shop'];

  async run(): Promise<number> {
    const { args } = await this.parse(PodExists);
    const { podExists } = await import('../../engine/pods/find.ts');
    return podExists(await this.engine(), args.pod) ? 0 : 1;
  }
}
