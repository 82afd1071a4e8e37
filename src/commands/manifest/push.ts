/** `scull manifest push` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { unsupported } from '../../cli/flags/declare.ts';
import { insecureFlag, trust } from '../../cli/flags/manifest.ts';
import { compressionChoices, compressionFlags, registryChoices, registryFlags } from '../../cli/flags/registry.ts';

export default class ManifestPush extends ScullCommand {
  static override summary = 'Send a list of images to a registry, or write it to a file';
  static override description =
    'The images in it are sent first, as they are, those that are not here straight from the registry they were added from. Prints REPOSITORY@DIGEST, the name by which the registry has exactly this list. The destination may also be oci:PATH[:NAME], oci-archive:PATH[:NAME] or dir:PATH: then all that the images consist of is written there.';
  static override args = {
    list: Args.string({ required: true, description: 'Name or id of the list' }),
    destination: Args.string({ description: "Name to push to, with registry and tag (default the list's own)" }),
  };
  static override flags = {
    all: Flags.boolean({ description: 'Send the images too (default true); false where they are there already', default: true }),
    digestfile: Flags.string({ description: 'Write the digest of the list to this file', helpValue: 'file' }),
    format: Flags.option({ options: ['oci', 'v2s2'] as const })({ char: 'f', description: 'oci (default) or v2s2', helpValue: 'format' }),
    quiet: Flags.boolean({ char: 'q', description: 'No progress' }),
    rm: Flags.boolean({ char: 'p', aliases: ['purge'], description: 'Remove the list here once it is there' }),
    ...registryFlags,
    ...insecureFlag,
    'add-compression': unsupported('add-compression'),
    ...compressionFlags,
    'remove-signatures': Flags.boolean({ description: 'Accepted for Podman; none are sent', hidden: true }),
    'sign-by': unsupported('sign-by'),
    'sign-by-sigstore': unsupported('sign-by-sigstore'),
    'sign-by-sigstore-private-key': unsupported('sign-by-sigstore-private-key'),
    'sign-passphrase-file': unsupported('sign-passphrase-file'),
  };
  static override examples = ['scull manifest push app:1 registry.example.com/team/app:1', { description: 'To a machine without a network', command: 'scull manifest push app:1 oci-archive:app.tar' }, { description: 'In a pipeline', command: 'scull manifest push --rm --digestfile app.digest app:1 docker://quay.io/team/app:1' }];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ManifestPush);
    const choices = trust(await registryChoices(flags), flags);
    const engine = await this.engine({ quiet: flags.quiet });
    const { pushManifest } = await import('../../engine/manifests/push.ts');
    const form = compressionChoices(flags);
    const pushed = await pushManifest(engine, args.list, { ...choices, ...form, destination: args.destination, format: flags.format, all: flags.all });
    if (flags.digestfile !== undefined) (await import('../../cli/user-file.ts')).writeUserFile(flags.digestfile, pushed.digest, '--digestfile');
    if (flags.rm) {
      const [error] = (await (await import('../../engine/manifests/remove.ts')).removeManifests(engine, [args.list])).errors;
      if (error !== undefined) throw error;
    }
    this.printLine((await import('../../engine/images/push-destination.ts')).pushedName(pushed));
  }
}
