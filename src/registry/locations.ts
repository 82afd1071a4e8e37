/** Where a name is fetched from under a registries.conf: pure. */
import { ScullError } from '../host/errors.ts';
import { formatReference, isShortName, parseReference, qualifiedReference, repositoryName, type Reference } from '../oci/reference.ts';
import type { RegistriesConf, RegistryEntry } from './registries-conf.ts';

/** One place to try. */
export interface PullLocation {
  /** What to ask for there. */
  readonly reference: Reference;
  /** True where the configuration allows to go without TLS and its checks. */
  readonly insecure: boolean;
  /** True when this is not the registry that the name says. */
  readonly mirror: boolean;
}

/**
 * The full names that a name may stand for, in the order to try: for a short name its alias, else one per search registry,
 * else Docker Hub's. @throws ScullError INVALID
 */
export function resolveName(conf: RegistriesConf, text: string): readonly Reference[] {
  if (!isShortName(text)) return [parseReference(text)];
  const alias = aliasOf(conf, text);
  if (alias !== undefined) return [alias];
  if (conf.searchRegistries === undefined) return [parseReference(text)];
  if (conf.searchRegistries.length === 0) {
    throw new ScullError('INVALID', `${JSON.stringify(bareName(text))} is a short name, and registries.conf has an empty list of registries to search`, { hint: 'give the whole name, REGISTRY/REPOSITORY[:TAG]' });
  }
  return conf.searchRegistries.map((registry) => qualifiedReference(text, registry));
}

/** What a short name stands for, where the configuration says so; with its tag or digest. @throws ScullError INVALID */
export function aliasOf(conf: RegistriesConf, text: string): Reference | undefined {
  const alias = conf.aliases.get(bareName(text));
  if (alias === undefined) return undefined;
  const { registry, repository } = parseReference(alias);
  return { ...parseReference(text), registry, repository };
}

/** Without tag and digest. */
function bareName(text: string): string {
  const named = text.split('@', 1)[0] ?? '';
  const colon = named.lastIndexOf(':');
  return colon > named.lastIndexOf('/') ? named.slice(0, colon) : named;
}

/**
 * The places to fetch `reference` from, in order: mirrors, then the registry itself.
 * @throws ScullError REGISTRY when it is blocked; INVALID for a location that is no registry
 */
export function pullLocations(conf: RegistriesConf, reference: Reference): readonly PullLocation[] {
  const entry = entryFor(conf, reference);
  if (entry === undefined) return [{ reference, insecure: false, mirror: false }];
  if (entry.blocked) {
    throw new ScullError('REGISTRY', `cannot pull ${formatReference(reference)}: ${entry.file} blocks ${entry.prefix}`);
  }
  const mirrors = entry.mirrors
    .filter((mirror) => mirror.use === 'all' || (mirror.use === 'digest-only') === (reference.digest !== undefined))
    .map((mirror) => ({ reference: rewrite(reference, entry, mirror.location), insecure: mirror.insecure, mirror: true }));
  const own = entry.location === '' ? reference : rewrite(reference, entry, entry.location);
  return [...mirrors, { reference: own, insecure: entry.insecure, mirror: repositoryName(own) !== repositoryName(reference) }];
}

/** Whether the configuration allows to go without TLS for a registry as a whole (login, push). */
export function isInsecure(conf: RegistriesConf, reference: Reference): boolean {
  return entryFor(conf, reference)?.insecure ?? false;
}

/** Whether the configuration forbids all traffic with a registry or a part of it. */
export function isBlocked(conf: RegistriesConf, reference: Reference): boolean {
  return entryFor(conf, reference)?.blocked ?? false;
}

/** The `[[registry]]` with the longest prefix that fits. */
function entryFor(conf: RegistriesConf, reference: Reference): RegistryEntry | undefined {
  const full = formatReference(reference);
  let best: RegistryEntry | undefined;
  for (const entry of conf.registries) {
    if (matchLength(full, entry.prefix) > 0 && entry.prefix.length > (best?.prefix.length ?? 0)) best = entry;
  }
  return best;
}

/** How much of the name the prefix covers; 0 when it does not fit. A prefix ends where a part of the name ends. */
function matchLength(full: string, prefix: string): number {
  if (prefix.startsWith('*.')) {
    const host = /^[^/:]+/.exec(full)?.[0] ?? '';
    return host.endsWith(prefix.slice(1)) ? (/^[^/]+/.exec(full)?.[0] ?? '').length : 0;
  }
  if (!full.startsWith(prefix)) return 0;
  const next = full[prefix.length];
  return next === undefined || next === '/' || next === ':' || next === '@' ? prefix.length : 0;
}

function rewrite(reference: Reference, entry: RegistryEntry, location: string): Reference {
  const full = formatReference(reference);
  const moved = `${location}${full.slice(matchLength(full, entry.prefix))}`;
  const parsed = parseReference(moved);
  if (isShortName(moved)) throw new ScullError('INVALID', `${entry.file}: the location ${JSON.stringify(location)} does not begin with a registry`);
  return parsed;
}
