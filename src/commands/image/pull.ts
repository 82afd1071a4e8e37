/** `scull pull` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { unsupported } from '../../cli/flags/declare.ts';
import { progressFlags, registryChoices, registryFlags } from '../../cli/flags/registry.ts';
import type { PullOptions } from '../../engine/images/pull.ts';
import type { StoredImage } from '../../storage/image-types.ts';
import { hostPlatform, normalizePlatform, parsePlatform, type Platform } from '../../oci/platform.ts';
import { hasFileTransport } from '../../oci/reference.ts';

export default class ImagePull extends ScullCommand {
  static override summary = 'Fetch images from a registry';
  static override description =
    'Prints their ids. Only what is not here already is fetched, and what an interrupted pull had begun is continued. Besides registries, images come from docker-archive:PATH[:NAME], oci-archive:PATH[:NAME], oci:PATH[:NAME] and dir:PATH.';
  static override args = { image: Args.string({ required: true, description: 'Name, with tag or digest', multiple: true }) };
  static override flags = {
    'all-tags': Flags.boolean({ char: 'a', description: 'Every tag of the repository' }),
    policy: Flags.option({ options: ['always', 'missing', 'never', 'newer'] as const })({ description: 'When to fetch: always, missing, newer or never', helpValue: 'policy', default: 'always' }),
    platform: Flags.string({ description: 'Platform to fetch the image for', helpValue: 'os/arch[/variant]', exclusive: ['os', 'arch', 'variant'] }),
    os: Flags.string({ description: 'Operating system to fetch the image for', helpValue: 'name' }),
    arch: Flags.string({ description: 'Processor to fetch the image for', helpValue: 'name' }),
    variant: Flags.string({ description: 'Variant of the processor', helpValue: 'name' }),
    ...progressFlags,
    ...registryFlags,
    'decryption-key': unsupported('decryption-key'),
    'disable-content-trust': Flags.boolean({ description: 'Accepted for Docker', hidden: true }),
  };
  static override examples = [
    'scull pull debian:12',
    { description: 'For another processor', command: 'scull pull --platform linux/arm64 debian:12' },
    { description: 'From an archive', command: 'scull pull oci-archive:app.tar' },
    { description: 'From a registry of your own without TLS', command: 'scull pull --tls-verify=false registry.lan:5000/app' },
  ];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(ImagePull);
    if (flags['all-tags'] && flags.policy !== 'always') this.usage('--all-tags and --policy cannot be used together');
    const options: PullOptions = { ...(await registryChoices(flags)), platform: wantedPlatform(flags) };
    const engine = await this.engine({ quiet: flags.quiet, show: flags.progress });
    const pull = async (name: string): Promise<readonly StoredImage[]> => {
      if (flags.policy !== 'always' && !hasFileTransport(name)) return [await (await import('../../engine/images/ensure.ts')).ensureImage(engine, name, { ...options, pull: flags.policy })];
      const { pullAllTags, pullAny } = await import('../../engine/images/pull.ts');
      return flags['all-tags'] ? pullAllTags(engine, name, options) : pullAny(engine, name, options);
    };
    return this.forEachName(argv as string[], async (name) => {
      for (const image of await pull(name)) this.printLine(image.id.replace(/^sha256:/, ''));
    });
  }
}

function wantedPlatform(flags: { readonly platform?: string; readonly os?: string; readonly arch?: string; readonly variant?: string }): Platform | undefined {
  if (flags.platform !== undefined) return parsePlatform(flags.platform);
  if (flags.os === undefined && flags.arch === undefined && flags.variant === undefined) return undefined;
  return normalizePlatform({
    os: flags.os ?? 'linux',
    architecture: flags.arch ?? hostPlatform().architecture,
    ...(flags.variant === undefined ? {} : { variant: flags.variant }),
  });
}
