/** `scull manifest exists` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class ManifestExists extends ScullCommand {
  static override summary = 'Tell by exit status whether a list of images is here';
  static override description = 'Exit status 0: it is, 1: it is not (or is a single image), 125: that could not be found out. Nothing is printed.';
  static override args = { list: Args.string({ required: true, description: 'Name or id of the list' }) };
  static override examples = ['scull manifest exists app:1 || scull manifest create app:1'];

  async run(): Promise<number> {
    const { args } = await this.parse(ManifestExists);
    const { manifestExists } = await import('../../engine/manifests/inspect.ts');
    return (await manifestExists(await this.engine(), args.list)) ? 0 : 1;
  }
}
