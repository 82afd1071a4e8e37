/** `search`: repositories in registries, and the tags of one. */
import { isScullError, ScullError } from '../../host/errors.ts';
import { DOCKER_HUB, isShortName, parseReference, repositoryName, type Reference } from '../../oci/reference.ts';
import type { RegistriesConf } from '../../registry/registries-conf.ts';
import type { RegistrySession } from '../../registry/session.ts';
import type { Engine } from '../engine.ts';
import type { RegistryChoices } from '../images/registry-choices.ts';

export interface SearchOptions extends RegistryChoices {
  /** Of each registry; 25 unless given. */
  readonly limit?: number | undefined;
  /** Fewer stars are left out. */
  readonly stars?: number | undefined;
  readonly official?: boolean | undefined;
  readonly automated?: boolean | undefined;
}

/** Field names are those of `podman search --format json`. Texts are the registry's. */
export interface SearchResult {
  readonly Index: string;
  readonly Name: string;
  readonly Description: string;
  readonly Stars: number;
  /** `[OK]` or nothing. */
  readonly Official: string;
  readonly Automated: string;
  readonly Tag: string;
}

const DEFAULT_LIMIT = 25;

/**
 * Searches the registry that `term` begins with, or else those of registries.conf, or else Docker Hub. Of several that are
 * asked, one that fails is a warning as long as another has found something.
 * @param term `[REGISTRY/]TERM`; `REGISTRY/` lists all it has
 * @throws ScullError what the registry's failure was
 */
export async function search(engine: Engine, term: string, options: SearchOptions = {}): Promise<readonly SearchResult[]> {
  const { loadRegistriesConf } = await import('../../registry/registries-conf.ts');
  const conf = loadRegistriesConf();
  const { registries, wanted } = placesOf(conf, term);
  const outcomes = await Promise.allSettled(registries.map((registry) => searchOne(engine, conf, registry, wanted, options)));
  const found = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue;
    if (found.length === 0 || !isScullError(outcome.reason)) throw outcome.reason;
    engine.progress({ kind: 'message', level: 'warning', text: outcome.reason.message });
  }
  return found;
}

/** The tags of one repository, sorted. @throws ScullError INVALID for a name with a tag; NO_SUCH_IMAGE, UNAUTHORIZED, REGISTRY, NETWORK */
export async function searchTags(engine: Engine, name: string, options: SearchOptions = {}): Promise<readonly SearchResult[]> {
  const [{ loadRegistriesConf }, { listTags }] = await Promise.all([import('../../registry/registries-conf.ts'), import('../../registry/tags.ts')]);
  const plain = name.replace(/^docker:\/\//, '');
  if (/:[^/]*$|@/.test(plain)) throw new ScullError('INVALID', `${JSON.stringify(name)} names one image; give the repository alone`);
  const reference = parseReference(plain);
  const tags = await withSession(engine, loadRegistriesConf(), reference, reference.registry, options, (session) => listTags(session, reference));
  return tags.slice(0, options.limit ?? DEFAULT_LIMIT).map((tag) => ({ ...EMPTY, Index: reference.registry, Name: repositoryName(reference), Tag: tag }));
}

const EMPTY: SearchResult = { Index: '', Name: '', Description: '', Stars: 0, Official: '', Automated: '', Tag: '' };

function placesOf(conf: RegistriesConf, term: string): { readonly registries: readonly string[]; readonly wanted: string } {
  const slash = term.indexOf('/');
  if (!isShortName(term)) return { registries: [term.slice(0, slash)], wanted: term.slice(slash + 1) };
  if (term === '') throw new ScullError('USAGE', 'what shall be searched for?');
  return { registries: conf.searchRegistries ?? [DOCKER_HUB], wanted: term };
}

async function searchOne(engine: Engine, conf: RegistriesConf, registry: string, term: string, options: SearchOptions): Promise<readonly SearchResult[]> {
  const { searchHost, searchRepositories } = await import('../../registry/search.ts');
  // Any repository: which login and which settings count is decided by the registry here.
  const reference = parseReference(`${registry}/x`);
  // Docker Hub does not find its own images by their whole name.
  const wanted = registry === DOCKER_HUB ? term.replace(/^library\//, '') : term;
  const found = await withSession(engine, conf, reference, searchHost(registry), options, (session) => searchRepositories(session, wanted, options.limit ?? DEFAULT_LIMIT));
  return found
    .filter((one) => one.stars >= (options.stars ?? 0) && (options.official ?? one.official) === one.official && (options.automated ?? one.automated) === one.automated)
    .map((one) => ({
      ...EMPTY,
      Index: registry,
      Name: `${registry}/${registry === DOCKER_HUB && !one.name.includes('/') ? 'library/' : ''}${one.name}`,
      Description: one.description.replaceAll(/\s+/g, ' ').trim(),
      Stars: one.stars,
      Official: one.official ? '[OK]' : '',
      Automated: one.automated ? '[OK]' : '',
    }));
}

async function withSession<T>(engine: Engine, conf: RegistriesConf, reference: Reference, host: string, options: SearchOptions, work: (session: RegistrySession) => Promise<T>): Promise<T> {
  const { connectToRegistry } = await import('../images/registry-connection.ts');
  const session = connectToRegistry(reference, { to: `search ${reference.registry}`, choices: options, conf, host, progress: engine.progress });
  try {
    return await work(session);
  } finally {
    session.close();
  }
}
