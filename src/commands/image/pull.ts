/** `scull pull` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { unsupported } from '../../cli/flags/declare.ts';
import { parseDuration } from '../../cli/time.ts';
import type { PullOptions } from '../../engine/images/pull.ts';
import type { ImageRecord } from '../../storage/image-types.ts';
import { hostPlatform, normalizePlatform, parsePlatform, type Platform } from '../../oci/platform.ts';

export default class ImagePull extends ScullCommand {
  static override summary = 'Fetch images from a registry';
  static override description = 'Prints their ids. Only what is not here already is fetched.';
  static override args = { image: Args.string({ required: true, description: 'Name, with tag or digest', multiple: true }) };
  static override flags = {
    'all-tags': Flags.boolean({ char: 'a', description: 'Every tag of the repository' }),
    policy: Flags.option({ options: ['always', 'missing', 'never', 'newer'] as const })({ description: 'When to fetch: always, missing, newer or never', helpValue: 'policy', default: 'always' }),
    platform: Flags.string({ description: 'Platform to fetch the image for', helpValue: 'os/arch[/variant]', exclusive: ['os', 'arch', 'variant'] }),
    os: Flags.string({ description: 'Operating system to fetch the image for', helpValue: 'name' }),
    arch: Flags.string({ description: 'Processor to fetch the image for', helpValue: 'name' }),
    variant: Flags.string({ description: 'Variant of the processor', helpValue: 'name' }),
    quiet: Flags.boolean({ char: 'q', description: 'No progress' }),
    'tls-verify': Flags.boolean({ description: "Check the registry's certificate (default true; a registry on this machine may go without)" }),
    'cert-dir': Flags.string({ description: 'Folder with certificates for the registry', helpValue: 'dir' }),
    retry: Flags.integer({ description: 'How often a failed request is tried again (default 3)', helpValue: 'n', min: 0 }),
    'retry-delay': Flags.string({ description: 'Time before the first new try, doubled each time (default 1s)', helpValue: 'span' }),
    authfile: unsupported('authfile'),
    creds: unsupported('creds'),
    'decryption-key': unsupported('decryption-key'),
    'disable-content-trust': Flags.boolean({ description: 'Accepted for Docker', hidden: true }),
  };
  static override examples = [
    'scull pull debian:12',
    { description: 'For another processor', command: 'scull pull --platform linux/arm64 debian:12' },
    { description: 'From a registry of your own without TLS', command: 'scull pull --tls-verify=false registry.lan:5000/app' },
  ];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(ImagePull);
    if (flags['all-tags'] && flags.policy !== 'always') this.usage('--all-tags and --policy cannot be used together');
    const delay = flags['retry-delay'] === undefined ? undefined : parseDuration(flags['retry-delay']);
    if (flags['retry-delay'] !== undefined && (delay === undefined || delay < 0)) this.usage(`invalid --retry-delay ${JSON.stringify(flags['retry-delay'])}: it is a span such as 2s`);
    const options: PullOptions = {
      platform: wantedPlatform(flags),
      tlsVerify: flags['tls-verify'],
      certificateDirectory: flags['cert-dir'],
      retries: flags.retry,
      retryDelay: delay,
    };
    const engine = await this.engine({ quiet: flags.quiet });
    const pull = async (name: string): Promise<readonly ImageRecord[]> => {
      if (flags.policy !== 'always') return [await (await import('../../engine/images/ensure.ts')).ensureImage(engine, name, { ...options, pull: flags.policy })];
      const { pullAllTags, pullImage } = await import('../../engine/images/pull.ts');
      return flags['all-tags'] ? pullAllTags(engine, name, options) : [await pullImage(engine, name, options)];
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
