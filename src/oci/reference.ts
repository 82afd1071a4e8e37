/**
 * What is in an image's name.
 *
 *     registry.example:5000/team/app:1.4@sha256:9f86…
 *     └── registry ───────┘ └ repository ┘ └tag┘ └ digest ┘
 *
 * The *registry* is the host that serves the image, with a port where it is not the protocol's own. The *repository* is
 * a path on it: many images that belong together, in lower case. A *tag* is a label that the owner of the repository
 * may move from one image to another at any time; a *digest* is the hash of the image's manifest and can't move. With
 * both, the digest decides what is meant and the tag is only a remark.
 *
 * People write less than that, and the rules for what is missing are Docker's, because that is what the names in every
 * tutorial follow:
 *
 * - The part before the first slash is a registry if it looks like a host: it holds a dot or a colon, or is exactly
 *   `localhost`, or holds an upper-case letter (which no repository may). Otherwise there is no registry in the name: a
 *   *short name*, and Docker Hub (`docker.io`) is meant. So `team/app` is on Docker Hub, `team.example/app` is not.
 * - Docker Hub keeps its own images under `library/`: `debian` is `docker.io/library/debian`.
 * - Without tag and digest, the tag is `latest`.
 *
 * Images that were made here and never named after a registry (built, committed, imported, tagged) get the registry
 * `localhost`, as with Podman, so that nobody takes them for something published: see {@link localReference}. Looking for an
 * image by a short name therefore has two candidates: see {@link candidateReferences}.
 *
 * A name may be preceded by a *transport*, which says where to find the image if not in a registry: see {@link parseSource}.
 *
 * The grammar is the one of the distribution project (reference.go, "Grammar") with its length limits. Everything here
 * is pure, and safe on hostile text: each pattern is linear, and nothing longer than a valid name is looked at.
 */
import { ScullError } from '../host/errors.ts';
import { isDigest, type Digest } from './digest.ts';

/** A complete, normalised name. At least one of tag and digest is there. */
export interface Reference {
  /** Host, with `:port` where one was given; `docker.io` for Docker Hub; `localhost` for what was made here. */
  readonly registry: string;
  /** Path within the registry, e.g. `library/debian`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

export const DOCKER_HUB = 'docker.io';
export const LOCAL_REGISTRY = 'localhost';
const DEFAULT_TAG = 'latest';

const MAX_REPOSITORY = 255;
const MAX_REGISTRY = 255;
/** registry / repository : tag @ sha512:hex, all at their limits. */
const MAX_REFERENCE = MAX_REGISTRY + 1 + MAX_REPOSITORY + 1 + 128 + 1 + 135;

const REGISTRY = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const BARE_ID = /^[0-9a-f]{64}$/;

/**
 * Reads a name as a person writes it and fills in what is missing: `debian` → docker.io/library/debian:latest.
 * @throws ScullError INVALID saying which part is wrong
 */
export function parseReference(text: string): Reference {
  return parse(text, DOCKER_HUB);
}

/**
 * Reads a name for something made on this machine (build, commit, tag, import, load): a short name gets the registry
 * `localhost`. @throws ScullError INVALID, also for a digest: what is made here is named, its digest follows from it
 */
export function localReference(text: string): Reference {
  const reference = parse(text, LOCAL_REGISTRY);
  if (reference.digest !== undefined) throw invalid(text, 'a name that is given to an image cannot hold a digest');
  return reference;
}

/** True when the name says no registry (`debian`, `team/app:1`). Nothing is checked beyond that. */
export function isShortName(text: string): boolean {
  return splitRegistry(text).registry === undefined;
}

/** Like {@link parseReference} with another registry for short names (registries.conf's search list). */
export function qualifiedReference(text: string, registry: string): Reference {
  if (!REGISTRY.test(registry)) throw invalid(registry, 'not a registry: expected host[:port]');
  return parse(text, registry);
}

/**
 * The names under which an image in the store may be meant by `text`, best first: a short name is looked for among what
 * was made here, then on Docker Hub. @throws ScullError INVALID
 */
export function candidateReferences(text: string): readonly Reference[] {
  const published = parseReference(text);
  return isShortName(text) ? [parse(text, LOCAL_REGISTRY), published] : [published];
}

/** The whole name: `docker.io/library/debian:latest`, `…@sha256:…`, or with both. */
export function formatReference(reference: Reference): string {
  let text = repositoryName(reference);
  if (reference.tag !== undefined) text += `:${reference.tag}`;
  if (reference.digest !== undefined) text += `@${reference.digest}`;
  return text;
}

/** Registry and repository, without tag and digest: `docker.io/library/debian`. */
export function repositoryName(reference: Reference): string {
  return `${reference.registry}/${reference.repository}`;
}

/** As Docker shows names: Docker Hub's host and `library/` left out, `debian:latest`. */
export function familiarName(reference: Reference): string {
  const full = formatReference(reference);
  if (reference.registry !== DOCKER_HUB) return full;
  const path = full.slice(DOCKER_HUB.length + 1);
  const short = path.startsWith('library/') ? path.slice('library/'.length) : path;
  // `docker.io/library/a.b/c` or `docker.io/a.b/c` would be read as registry `a.b` without its host.
  return short.includes('/') && !isShortName(short) ? full : short;
}

/** `repository@digest`, as it is listed in an image's RepoDigests. */
export function digestReference(reference: Reference, digest: Digest): string {
  return `${repositoryName(reference)}@${digest}`;
}

/** Where a name with a transport points. Paths are as written, not resolved. */
export type SourceLocation = { readonly transport: 'docker'; readonly reference: Reference } | FileLocation;

/** A file or folder. */
export type FileLocation =
  /** An archive of `docker save`; `name` (a reference) or `index` chooses among several images. */
  | { readonly transport: 'docker-archive'; readonly path: string; readonly name?: string; readonly index?: number }
  /** An OCI image layout, as a folder or packed; `name` is the annotation org.opencontainers.image.ref.name. */
  | { readonly transport: 'oci' | 'oci-archive'; readonly path: string; readonly name?: string }
  /** A folder with a manifest and blobs side by side, as skopeo writes it. */
  | { readonly transport: 'dir'; readonly path: string };

/**
 * Reads a name with an optional transport (containers-transports(5)): `docker://NAME` or plain `NAME`,
 * `docker-archive:PATH[:NAME|:@INDEX]`, `oci:PATH[:NAME]`, `oci-archive:PATH[:NAME]`, `dir:PATH`.
 * @throws ScullError INVALID; UNSUPPORTED for transports that need another engine's daemon or storage
 */
export function parseSource(text: string): SourceLocation {
  const match = /^(docker|docker-archive|docker-daemon|oci|oci-archive|dir|containers-storage|sif|ostree|tarball|atomic):/.exec(text);
  const transport = match?.[1];
  const rest = transport === undefined ? text : text.slice(transport.length + 1);
  switch (transport) {
    case undefined:
      return { transport: 'docker', reference: parseReference(text) };
    case 'docker':
      // `docker:24-dind` is the image called docker: only the slashes make it a transport.
      return { transport, reference: parseReference(rest.startsWith('//') ? rest.slice(2) : text) };
    case 'docker-archive':
      return dockerArchiveLocation(text, rest);
    case 'oci':
    case 'oci-archive': {
      const { path, name } = splitPath(text, rest);
      return name === undefined ? { transport, path } : { transport, path, name };
    }
    case 'dir':
      if (rest === '' || rest.includes('\0')) throw invalid(text, 'a path must follow the transport');
      return { transport, path: rest };
    default:
      throw new ScullError('UNSUPPORTED', `the transport ${JSON.stringify(transport)} is not supported`, {
        hint: 'supported are docker://, docker-archive:, oci:, oci-archive: and dir:',
      });
  }
}

/** True when the text starts with one of the transports that {@link parseSource} reads from files. */
export function hasFileTransport(text: string): boolean {
  return /^(?:docker-archive|oci|oci-archive|dir):/.test(text);
}

function dockerArchiveLocation(text: string, rest: string): SourceLocation {
  const { path, name } = splitPath(text, rest);
  if (name === undefined) return { transport: 'docker-archive', path };
  if (!name.startsWith('@')) return { transport: 'docker-archive', path, name };
  if (!/^@[0-9]{1,6}$/.test(name)) throw invalid(text, 'the number of an image in an archive is written as :@0, :@1, …');
  return { transport: 'docker-archive', path, index: Number(name.slice(1)) };
}

function splitPath(text: string, rest: string): { readonly path: string; readonly name?: string } {
  const colon = rest.indexOf(':');
  const path = colon < 0 ? rest : rest.slice(0, colon);
  if (path === '' || path.includes('\0')) throw invalid(text, 'a path must follow the transport');
  const name = colon < 0 ? '' : rest.slice(colon + 1);
  return name === '' ? { path } : { path, name };
}

function parse(text: string, defaultRegistry: string): Reference {
  if (text === '') throw new ScullError('INVALID', 'an image name is missing');
  if (text.length > MAX_REFERENCE) throw invalid(text, `longer than ${MAX_REFERENCE} characters`);
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) throw invalid(text, 'what follows @ must be a digest such as sha256:<64 hex digits>');
  const named = at < 0 ? text : text.slice(0, at);
  // A colon after the last slash begins the tag; before it, it can only belong to the registry's port.
  const colon = named.lastIndexOf(':');
  const tagged = colon > named.lastIndexOf('/');
  const tag = tagged ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag)) {
    throw invalid(text, tag === '' ? 'the tag after : is empty' : 'a tag is up to 128 letters, digits, _ . or -, and does not begin with . or -');
  }
  const { registry, repository } = parseRepository(text, tagged ? named.slice(0, colon) : named, defaultRegistry);
  if (digest !== undefined) return tag === undefined ? { registry, repository, digest } : { registry, repository, tag, digest };
  return { registry, repository, tag: tag ?? DEFAULT_TAG };
}

function parseRepository(text: string, named: string, defaultRegistry: string): { readonly registry: string; readonly repository: string } {
  const split = splitRegistry(named);
  let registry = split.registry ?? defaultRegistry;
  if (registry === 'index.docker.io' || registry === 'registry-1.docker.io') registry = DOCKER_HUB;
  if (registry.length > MAX_REGISTRY || !REGISTRY.test(registry) || portOf(registry) > 65535) {
    throw invalid(text, `${JSON.stringify(bounded(registry))} is not a registry: expected host[:port]`);
  }
  let repository = split.path;
  checkRepository(text, repository, split.registry === undefined);
  if (registry === DOCKER_HUB && !repository.includes('/')) repository = `library/${repository}`;
  if (repository.length > MAX_REPOSITORY) throw invalid(text, `the repository is longer than ${MAX_REPOSITORY} characters`);
  return { registry, repository };
}

function checkRepository(text: string, repository: string, short: boolean): void {
  if (repository === '') throw invalid(text, 'the repository is empty');
  if (repository.length > MAX_REPOSITORY) throw invalid(text, `the repository is longer than ${MAX_REPOSITORY} characters`);
  if (short && BARE_ID.test(repository)) throw invalid(text, '64 hex digits are an image id, not a name');
  if (/[A-Z]/.test(repository)) throw invalid(text, 'a repository is written in lower case');
  for (const component of repository.split('/')) {
    if (!COMPONENT.test(component)) {
      throw invalid(text, `${JSON.stringify(component)} is not a part of a repository: lower-case letters and digits, separated by . _ __ or -`);
    }
  }
}

function splitRegistry(named: string): { readonly registry?: string; readonly path: string } {
  const slash = named.indexOf('/');
  if (slash < 0) return { path: named };
  const first = named.slice(0, slash);
  const isHost = /[.:\[A-Z]/.test(first) || first === LOCAL_REGISTRY;
  return isHost ? { registry: first, path: named.slice(slash + 1) } : { path: named };
}

function portOf(registry: string): number {
  const match = /:([0-9]+)$/.exec(registry.startsWith('[') ? registry.slice(registry.indexOf(']')) : registry);
  return match === null ? 0 : Number(match[1]);
}

/** Quotes at most the beginning of hostile text; JSON escapes control characters. */
function bounded(text: string): string {
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

function invalid(text: string, why: string): ScullError {
  return new ScullError('INVALID', `invalid image name ${JSON.stringify(bounded(text))}: ${why}`);
}
