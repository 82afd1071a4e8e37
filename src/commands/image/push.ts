/** `scull push` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { unsupported } from '../../cli/flags/declare.ts';
import { compressionChoices, compressionFlags, progressFlags, registryChoices, registryFlags } from '../../cli/flags/registry.ts';

export default class ImagePush extends ScullCommand {
  static override summary = 'Send an image to a registry';
  static override description =
    'Prints REPOSITORY@DIGEST, the name by which the registry has exactly this image. Layers go as they are, and only those the registry lacks. The destination may also be docker-archive:PATH[:NAME], oci-archive:PATH[:NAME], oci:PATH[:NAME] or dir:PATH.';
  static override args = {
    image: Args.string({ required: true, description: 'Name or id' }),
    destination: Args.string({ description: "Name to push to, with registry and tag (default the image's own)" }),
  };
  static override flags = {
    format: Flags.option({ options: ['oci', 'v2s2'] as const })({ char: 'f', description: "Kind of the manifest: oci or v2s2 (Docker's); default as it is here", helpValue: 'kind' }),
    ...compressionFlags,
    digestfile: Flags.string({ description: 'Write the digest to this file', helpValue: 'file' }),
    ...progressFlags,
    ...registryFlags,
    'all-tags': Flags.boolean({ char: 'a', description: 'Every tag of the repository that is here' }),
    compress: Flags.boolean({ description: 'To dir:PATH: compress layers that are not' }),
    'encrypt-layer': unsupported('encrypt-layer'),
    'encryption-key': unsupported('encryption-key'),
    platform: unsupported('platform'),
    'sign-by': unsupported('sign-by'),
    'sign-by-sigstore': unsupported('sign-by-sigstore'),
    'sign-by-sigstore-private-key': unsupported('sign-by-sigstore-private-key'),
    'sign-by-sq-fingerprint': unsupported('sign-by-sq-fingerprint'),
    'sign-passphrase-file': unsupported('sign-passphrase-file'),
    'remove-signatures': Flags.boolean({ description: 'Accepted for Podman; none are sent', hidden: true }),
    'disable-content-trust': Flags.boolean({ description: 'Accepted for Docker', hidden: true }),
  };
  static override examples = [
    { description: 'Under its own name', command: 'scull push quay.io/team/app:1.2' },
    { description: 'Under another one', command: 'scull push app registry.lan:5000/app:latest' },
    { description: 'With layers that are smaller and unpack faster', command: 'scull push --compression-format zstd app quay.io/team/app' },
    { description: 'Remember exactly what was pushed', command: 'scull push --digestfile app.digest app quay.io/team/app' },
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ImagePush);
    const choices = await registryChoices(flags);
    const { pushAllTags, pushImage } = await import('../../engine/images/push.ts');
    const { pushedName } = await import('../../engine/images/push-destination.ts');
    const engine = await this.engine({ quiet: flags.quiet, show: flags.progress });
    const form = { format: flags.format, ...compressionChoices(flags) };
    if (flags['all-tags']) {
      if (args.destination !== undefined || flags.digestfile !== undefined) this.usage('--all-tags goes with neither a destination nor --digestfile');
      return pushAllTags(engine, args.image, { ...choices, ...form }, (pushed) => this.printLine(pushedName(pushed)));
    }
    const pushed = await pushImage(engine, args.image, { ...choices, ...form, destination: args.destination, compress: flags.compress });
    if (flags.digestfile !== undefined) (await import('../../cli/user-file.ts')).writeUserFile(flags.digestfile, pushed.digest, '--digestfile');
    this.printLine(pushedName(pushed));
  }
}
