/** `scull manifest rm` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class ManifestRm extends ScullCommand {
  static override summary = 'Remove lists of images';
  static override description = 'Images in them that have names of their own stay. Exit status: 1 when a list was not here, 125 for anything else that failed.';
  static override args = { list: Args.string({ required: true, description: 'Name or id of a list', multiple: true }) };
  static override flags = { ignore: Flags.boolean({ char: 'i', description: 'A list that is not here is no error' }) };
  static override examples = ['scull manifest rm app:1'];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(ManifestRm);
    const { removeManifests } = await import('../../engine/manifests/remove.ts');
    const { untagged, deleted, errors } = await removeManifests(await this.engine(), argv as string[], { ignore: flags.ignore });
    this.print([...untagged.map((name) => `Untagged: ${name}\n`), ...deleted.map((id) => `Deleted: ${id}\n`)].join(''));
    let status = 0;
    for (const error of errors) status = await this.report(error);
    return errors.some(({ code }) => code === 'NO_SUCH_IMAGE') ? 1 : status;
  }
}
