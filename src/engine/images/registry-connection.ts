/** Opening a session with a registry as configuration files and the command line want it. Loaded by what talks to one. */
import { ScullError } from '../../host/errors.ts';
import type { Progress } from '../../host/progress.ts';
import type { Reference } from '../../oci/reference.ts';
import { isBlocked, isInsecure } from '../../registry/locations.ts';
import { loadRegistriesConf, type RegistriesConf } from '../../registry/registries-conf.ts';
import { openRegistry, type RegistrySession } from '../../registry/session.ts';
import { registryOptions, type RegistryChoices } from './registry-choices.ts';

export interface Connection {
  /** What is wanted, for the error: `push host/name:tag`. */
  readonly to: string;
  readonly choices: RegistryChoices;
  readonly progress: Progress;
  /** Read anew unless given. */
  readonly conf?: RegistriesConf;
  /** Where it is to be asked, if not at the reference's registry. */
  readonly host?: string;
}

/**
 * Mirrors are for pulling (engine/images/pull.ts) and not asked. The caller closes the session.
 * @throws ScullError REGISTRY when registries.conf blocks it
 */
export function connectToRegistry(reference: Reference, { to, choices, progress, conf = loadRegistriesConf(), host = reference.registry }: Connection): RegistrySession {
  if (isBlocked(conf, reference)) throw new ScullError('REGISTRY', `cannot ${to}: registries.conf blocks it`);
  return openRegistry(host, registryOptions(reference, choices, isInsecure(conf, reference), progress));
}
