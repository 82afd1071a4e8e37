/**
 * Looking for repositories. There is no standard for it: Docker Hub, Quay and some others answer Docker's old `/v1/search`;
 * what does not is asked for the list of all its repositories (distribution: "Catalog"), which may be forbidden, or partial.
 */
import { ScullError } from '../host/errors.ts';
import { DOCKER_HUB } from '../oci/reference.ts';
import { explainConnectionFailure, header } from './errors.ts';
import { expectStatus, type RegistryRequest, type RegistrySession } from './session.ts';
import { nextPage } from './tags.ts';
import { discardBody, readBody, type HttpResponse } from './transport.ts';

/** Docker Hub's search is at another host than its images. */
export function searchHost(registry: string): string {
  return registry === DOCKER_HUB ? 'index.docker.io' : registry;
}

export interface FoundRepository {
  /** Without the registry. Foreign text, as is the description. */
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly official: boolean;
  readonly automated: boolean;
}

const PAGE_LIMIT = 4 * 1024 * 1024;
/** Pages of a catalogue that are read; a registry with more is searched in part. */
const MAX_PAGES = 1000;

/**
 * Repositories whose name (or description, where the registry searches itself) has `term` in it, at most `limit`.
 * @param term empty for all of them
 * @throws ScullError UNSUPPORTED when the registry can't be searched; UNAUTHORIZED, REGISTRY, NETWORK
 */
export async function searchRepositories(session: RegistrySession, term: string, limit: number): Promise<readonly FoundRepository[]> {
  const found = term === '' ? undefined : await searchIndex(session, term, limit);
  return (found ?? (await searchCatalog(session, term, limit))).slice(0, limit);
}

/** @returns undefined where there is no such thing */
async function searchIndex(session: RegistrySession, term: string, limit: number): Promise<readonly FoundRepository[] | undefined> {
  const query = new URLSearchParams({ q: term, n: `${limit}` });
  const asked = request(session, `/v1/search?${query.toString()}`, '');
  const response = await session.send(asked);
  const type = header(response, 'content-type') ?? '';
  if (response.status === 429) await expectStatus(session, asked, response, [200]);
  // Some answer every unknown path with a page for people.
  if (response.status !== 200 || !/json/i.test(type)) {
    discardBody(response);
    return undefined;
  }
  const results = ((await readAnswer(response, session, asked)) as { results?: unknown }).results;
  if (!Array.isArray(results)) throw new ScullError('REGISTRY', `${session.registry} did not answer a search as the protocol has it`);
  return results.flatMap((entry: unknown) => {
    const { name, description, star_count: stars, is_official: official, is_automated: automated } = (entry ?? {}) as Record<string, unknown>;
    if (typeof name !== 'string' || name === '') return [];
    return [{ name: name.slice(0, 300), description: typeof description === 'string' ? description.slice(0, 2000) : '', stars: typeof stars === 'number' ? stars : 0, official: official === true, automated: automated === true }];
  });
}

async function searchCatalog(session: RegistrySession, term: string, limit: number): Promise<readonly FoundRepository[]> {
  const names: string[] = [];
  let target: string | URL | undefined = '/v2/_catalog?n=1000';
  for (let pages = 0; target !== undefined && names.length < limit && pages < MAX_PAGES; pages++) {
    const asked = request(session, target, 'registry:catalog:*');
    const response = await session.send(asked);
    if (response.status === 404 || response.status === 405) {
      discardBody(response);
      throw new ScullError('UNSUPPORTED', `${session.registry} can't be searched`, { hint: 'list the tags of a repository whose name you know with `scull search --list-tags REGISTRY/REPOSITORY`' });
    }
    await expectStatus(session, asked, response, [200]);
    const list = ((await readAnswer(response, session, asked)) as { repositories?: unknown }).repositories ?? [];
    if (!Array.isArray(list)) throw new ScullError('REGISTRY', `${session.registry} did not list its repositories as the protocol has it`);
    const fitting = list.filter((name): name is string => typeof name === 'string' && name.length <= 300 && name.includes(term));
    // Exactly what was asked for comes first.
    for (const name of fitting) names[name === term ? 'unshift' : 'push'](name);
    target = nextPage(header(response, 'link'), response.url);
  }
  return names.map((name) => ({ name, description: '', stars: 0, official: false, automated: false }));
}

function request(session: RegistrySession, target: string | URL, scope: string): RegistryRequest {
  return { method: 'GET', target, scope, verb: 'search', subject: session.registry };
}

async function readAnswer(response: HttpResponse, session: RegistrySession, asked: RegistryRequest): Promise<object> {
  let body: Buffer;
  try {
    body = await readBody(response, PAGE_LIMIT, session.limits);
  } catch (error) {
    throw explainConnectionFailure(error, response.url, session.purpose(asked));
  }
  try {
    const answer: unknown = JSON.parse(body.toString('utf8'));
    if (typeof answer === 'object' && answer !== null) return answer;
  } catch {
    // Said below.
  }
  throw new ScullError('REGISTRY', `${session.registry} did not answer a search with a JSON object`);
}
