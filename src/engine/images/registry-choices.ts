/** What a user can say about registries on the command line, put together with what configuration files say. */
import type { Progress } from '../../host/progress.ts';
import { repositoryName, type Reference } from '../../oci/reference.ts';
import type { Credentials } from '../../registry/auth.ts';
import type { RegistryOptions } from '../../registry/session.ts';

export interface RegistryChoices {
  /** --tls-verify; undefined leaves it to registries.conf, and to the registry being on this machine. */
  readonly tlsVerify?: boolean | undefined;
  /** --creds; instead of every stored login. */
  readonly credentials?: Credentials | undefined;
  /** --authfile */
  readonly authFile?: string | undefined;
  /** --cert-dir */
  readonly certificateDirectory?: string | undefined;
  /** --retry */
  readonly retries?: number | undefined;
  /** --retry-delay, milliseconds */
  readonly retryDelay?: number | undefined;
}

/** How to talk to the registry of `reference`. Stored logins are looked up only when the registry asks for one. */
export function registryOptions(reference: Reference, choices: RegistryChoices, insecure: boolean, progress: Progress): RegistryOptions {
  return {
    tlsVerify: choices.tlsVerify ?? (insecure ? false : undefined),
    certificateDirectory: choices.certificateDirectory,
    retries: choices.retries,
    retryDelay: choices.retryDelay,
    progress,
    credentials: async () => {
      if (choices.credentials !== undefined) return choices.credentials;
      const { findCredentials } = await import('../../registry/auth-file.ts');
      return findCredentials(repositoryName(reference), { authFile: choices.authFile });
    },
  };
}

/** Reads --creds: `user:password`; the password may hold colons. */
export function parseCredentials(text: string): Credentials {
  const colon = text.indexOf(':');
  return colon < 0 ? { kind: 'password', username: text, password: '' } : { kind: 'password', username: text.slice(0, colon), password: text.slice(colon + 1) };
}
