/** `scull manifest inspect` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { loginFlags, registryChoices } from '../../cli/flags/registry.ts';
import { insecureFlag, trust } from '../../cli/flags/manifest.ts';

export default class ManifestInspect extends ScullCommand {
  static override summary = 'Show what is in a list of images';
  static override description = 'The list in this store; where there is none of that name, what a registry has under it, without fetching the images.';
  static override args = { list: Args.string({ required: true, description: 'Name or id of the list' }) };
  static override flags = { ...loginFlags, ...insecureFlag, verbose: Flags.boolean({ char: 'v', description: 'Accepted for Docker', hidden: true }) };
  static override examples = ['scull manifest inspect app:1', { description: 'Which platforms an image is there for', command: 'scull manifest inspect docker.io/library/debian' }];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ManifestInspect);
    const choices = trust(await registryChoices(flags), flags);
    const [{ inspectManifest }, { renderJson }] = await Promise.all([import('../../engine/manifests/inspect.ts'), import('../../cli/present/format.ts')]);
    this.print(renderJson(await inspectManifest(await this.engine(), args.list, choices), 4));
  }
}
