/** `scull manifest create` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { registryChoices, registryFlags } from '../../cli/flags/registry.ts';
import { insecureFlag, listAnnotations, trust } from '../../cli/flags/manifest.ts';

export default class ManifestCreate extends ScullCommand {
  static override summary = 'Make a list of images for several platforms';
  static override description =
    'One name, behind which each machine finds the image made for it: a manifest list, or image index. Images are taken from this store, else from a registry, from where only their manifests are fetched. Prints the id of the list.';
  static override args = {
    list: Args.string({ required: true, description: 'Name for the list; a short one becomes localhost/NAME' }),
    image: Args.string({ description: 'Image to put into it', multiple: true }),
  };
  static override flags = {
    all: Flags.boolean({ description: 'Of images that are lists themselves take everything, not only what is for this machine' }),
    amend: Flags.boolean({ char: 'a', description: 'Add to the list of this name, if there is one' }),
    annotation: Flags.string({ description: 'Annotation of the list', helpValue: 'key=value', multiple: true }),
    ...registryFlags,
    ...insecureFlag,
  };
  static override examples = [
    { description: 'One image for two processors', command: 'scull manifest create app:1 app:1-amd64 app:1-arm64' },
    { description: "A copy of somebody else's list", command: 'scull manifest create --all mine docker.io/library/debian' },
  ];

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(ManifestCreate);
    const [name = '', ...images] = argv as string[];
    const choices = trust(await registryChoices(flags), flags);
    const { createManifest } = await import('../../engine/manifests/change.ts');
    const options = { ...choices, all: flags.all, amend: flags.amend, annotations: listAnnotations(flags.annotation) };
    this.printLine((await createManifest(await this.engine(), name, images, options)).replace(/^sha256:/, ''));
  }
}
