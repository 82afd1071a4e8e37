/** Flags of every command that talks to a registry, with Podman's names. */
import { existsSync } from 'node:fs';
import * as Flags from '@oclif/core/flags';
import type { RegistryChoices } from '../../engine/images/registry-choices.ts';
import { ScullError } from '../../host/errors.ts';
import type { PushForm } from '../../storage/convert-image.ts';
import { PROGRESS_MODES } from '../progress.ts';
import { integer, text, toggle } from './declare.ts';

const REGISTRY = 'registry';

/** How to trust a registry and which login to show it. For login, push, pull, run and create. */
export const loginFlags = {
  authfile: text(REGISTRY, 'file', 'File with logins, instead of all others'),
  'cert-dir': text(REGISTRY, 'dir', 'Folder with certificates for the registry'),
  'tls-verify': toggle(REGISTRY, "Check the registry's certificate (default true; a registry on this machine may go without)"),
};

/** The same, with what moving an image takes. For push, pull, run and create. */
export const registryFlags = {
  ...loginFlags,
  creds: text(REGISTRY, 'user[:password]', 'Login for this command alone; without a password you are asked for it'),
  retry: integer(REGISTRY, 'How often a failed request is tried again (default 3)', { min: 0 }),
  'retry-delay': text(REGISTRY, 'span', 'Time before the first new try, doubled each time (default 1s)'),
};

/** --progress and --quiet, for the commands that move images. */
export const progressFlags = {
  progress: Flags.option({ options: PROGRESS_MODES })({ description: 'How to show progress on standard error: tty, plain (a line per layer), json (an object a line, for programs), none or auto', helpValue: 'how', exclusive: ['quiet'] }),
  quiet: Flags.boolean({ char: 'q', description: 'No progress' }),
};

/** How layers are compressed where they go, for push and manifest push. */
export const compressionFlags = {
  'compression-format': Flags.option({ options: ['gzip', 'zstd', 'zstd:chunked'] as const })({ description: 'Compression of the layers, gzip or zstd (default as they are here, and gzip for those that are not compressed); zstd:chunked is written as zstd, without a table of contents', helpValue: 'name' }),
  'compression-level': Flags.integer({ description: 'Level for layers that are compressed on the way: gzip 1 to 9, zstd 1 to 22', helpValue: 'n', min: 1, max: 22 }),
  'force-compression': Flags.boolean({ description: 'Compress anew also layers that have another compression (default true with --compression-format)' }),
};

/** The values in the engine's terms. */
export function compressionChoices(flags: CompressionFlagValues): Pick<PushForm, 'compression' | 'compressionLevel' | 'forceCompression'> {
  const format = flags['compression-format'];
  return { compression: format === 'zstd:chunked' ? 'zstd' : format, compressionLevel: flags['compression-level'], forceCompression: flags['force-compression'] };
}

interface CompressionFlagValues {
  readonly 'compression-format'?: 'gzip' | 'zstd' | 'zstd:chunked' | undefined;
  readonly 'compression-level'?: number | undefined;
  readonly 'force-compression'?: boolean | undefined;
}

export interface RegistryFlagValues {
  readonly authfile?: string | undefined;
  readonly 'cert-dir'?: string | undefined;
  readonly 'tls-verify'?: boolean | undefined;
  readonly creds?: string | undefined;
  readonly retry?: number | undefined;
  readonly 'retry-delay'?: string | undefined;
}

/**
 * The values in the engine's terms. Asks for the password that --creds leaves out; loads nothing where no flag was given.
 * @throws ScullError USAGE; NOT_FOUND for a file of logins that is not there; INVALID when nobody answers
 */
export async function registryChoices(flags: RegistryFlagValues): Promise<RegistryChoices> {
  // A registry that asks for no login would never let the mistake be found.
  if (flags.authfile !== undefined && !existsSync(flags.authfile)) throw new ScullError('NOT_FOUND', `there is no file ${JSON.stringify(flags.authfile)} to take a login from (--authfile)`);
  return {
    tlsVerify: flags['tls-verify'],
    certificateDirectory: flags['cert-dir'],
    authFile: flags.authfile,
    credentials: flags.creds === undefined ? undefined : await credentials(flags.creds),
    retries: flags.retry,
    retryDelay: flags['retry-delay'] === undefined ? undefined : await delay(flags['retry-delay']),
  };
}

/** No message here quotes the text: it may be a password in the wrong place. */
async function credentials(given: string): Promise<NonNullable<RegistryChoices['credentials']>> {
  const { parseCredentials } = await import('../../engine/images/registry-choices.ts');
  const parsed = parseCredentials(given);
  if (parsed.kind === 'password' && parsed.username === '') throw new ScullError('USAGE', 'invalid --creds: the user name is missing', { hint: 'it is USER:PASSWORD' });
  if (given.includes(':') || parsed.kind !== 'password') return parsed;
  const { askSecret } = await import('../prompt.ts');
  return { ...parsed, password: await askSecret(`Password of ${parsed.username}: `, 'give the password with --creds USER:PASSWORD, or log in with `scull login`') };
}

async function delay(given: string): Promise<number> {
  const { parseDuration } = await import('../time.ts');
  const milliseconds = parseDuration(given);
  if (milliseconds === undefined || milliseconds < 0) throw new ScullError('USAGE', `invalid --retry-delay ${JSON.stringify(given)}: it is a span such as 2s`);
  return milliseconds;
}
