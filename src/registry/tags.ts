/** The tags of a repository: distribution-spec, "Listing Tags", page by page. */
import { ScullError } from '../host/errors.ts';
import { repositoryName, type Reference } from '../oci/reference.ts';
import { header } from './errors.ts';
import { pullScope } from './manifests.ts';
import { fetchWhole, sameOrigin, type RegistryRequest, type RegistrySession } from './session.ts';

const PAGE_LIMIT = 4 * 1024 * 1024;
/** More than any real repository has; a registry that goes on is not believed. */
const MAX_TAGS = 100_000;

/** All tags, sorted. @throws ScullError NO_SUCH_IMAGE, UNAUTHORIZED, REGISTRY, NETWORK */
export async function listTags(session: RegistrySession, reference: Reference): Promise<readonly string[]> {
  const tags = new Set<string>();
  const seen = new Set<string>();
  let target: string | URL | undefined = `/v2/${reference.repository}/tags/list?n=1000`;
  while (target !== undefined) {
    const request: RegistryRequest = { method: 'GET', target, scope: pullScope(reference.repository), verb: 'list the tags of', subject: repositoryName(reference) };
    const { response, body }: Awaited<ReturnType<typeof fetchWhole>> = await fetchWhole(session, request, PAGE_LIMIT);
    for (const tag of tagsIn(body, session)) tags.add(tag);
    if (tags.size > MAX_TAGS) throw new ScullError('REGISTRY', `${session.registry} lists more than ${MAX_TAGS} tags for ${reference.repository}`);
    const next: URL | undefined = nextPage(header(response, 'link'), response.url);
    if (next !== undefined && seen.has(next.href)) throw new ScullError('REGISTRY', `${session.registry} lists the tags of ${reference.repository} in a circle`);
    if (next !== undefined) seen.add(next.href);
    target = next;
  }
  return [...tags].sort();
}

function tagsIn(body: Buffer, session: RegistrySession): readonly string[] {
  let answer: unknown;
  try {
    answer = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new ScullError('REGISTRY', `${session.registry} did not list the tags as JSON`, { cause });
  }
  const list = (answer as { tags?: unknown } | null)?.tags ?? [];
  if (!Array.isArray(list)) throw new ScullError('REGISTRY', `${session.registry} did not list the tags as the protocol has it`);
  // What is no tag could not be asked for, and might be a path.
  return list.filter((tag): tag is string => typeof tag === 'string' && /^\w[\w.-]{0,127}$/.test(tag));
}

/** RFC 8288: `</v2/…?last=x>; rel="next"`. Only on the same registry. */
export function nextPage(link: string | undefined, page: URL): URL | undefined {
  const match = link === undefined ? null : /<([^<>]{1,4096})>[^,]*;\s*rel="?next"?/i.exec(link.slice(0, 8192));
  if (match?.[1] === undefined || !URL.canParse(match[1], page.href)) return undefined;
  const next = new URL(match[1], page);
  return sameOrigin(next, page) ? next : undefined;
}
