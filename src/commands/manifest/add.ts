/** `scull manifest add` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { registryChoices, registryFlags } from '../../cli/flags/registry.ts';
import { artifactFlags, artifactOptions, insecureFlag, instanceFlags, instanceNotes, trust } from '../../cli/flags/manifest.ts';

export default class ManifestAdd extends ScullCommand {
  static override summary = 'Add images to a list';
  static override description =
    "Images are taken from this store, else from a registry, from where only their manifests are fetched. What an image is for is read from the image; the flags say otherwise. With --artifact the words are files, which become an artifact. Prints the list's id.";
  static override args = {
    list: Args.string({ required: true, description: 'Name or id of the list' }),
    image: Args.string({ required: true, description: 'Image to put into it: of this store, a registry, or a file (oci-archive:PATH, oci:, docker-archive:, dir:)', multiple: true }),
  };
  static override flags = {
    all: Flags.boolean({ description: 'Of images that are lists themselves take everything, not only what is for one platform' }),
    ...instanceFlags,
    ...artifactFlags,
    ...registryFlags,
    ...insecureFlag,
  };
  static override examples = [
    'scull manifest add app:1 app:1-arm64',
    { description: 'One image of a list in a registry', command: 'scull manifest add --arch arm64 app:1 docker.io/library/debian' },
    { description: 'One that another machine has built', command: 'scull manifest add app:1 oci-archive:app-arm64.tar' },
    { description: 'A file', command: 'scull manifest add --artifact --artifact-type application/spdx+json app:1 app.spdx.json' },
  ];

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(ManifestAdd);
    const [list = '', ...images] = argv as string[];
    const choices = trust(await registryChoices(flags), flags);
    const engine = await this.engine();
    const notes = instanceNotes(flags);
    const artifact = artifactOptions(flags);
    if (artifact !== undefined) {
      const { addArtifact } = await import('../../engine/manifests/artifact.ts');
      this.printLine((await addArtifact(engine, list, images, { ...choices, ...artifact, notes })).replace(/^sha256:/, ''));
      return;
    }
    const { addToManifest } = await import('../../engine/manifests/change.ts');
    this.printLine((await addToManifest(engine, list, images, { ...choices, all: flags.all, notes })).replace(/^sha256:/, ''));
  }
}
