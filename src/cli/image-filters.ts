/** `images --filter`: pure, over the records that the engine lists. */
import { ScullError } from '../host/errors.ts';
import { familiarName, parseReference, repositoryName, type Reference } from '../oci/reference.ts';
import type { ListedImage } from '../storage/image-listing.ts';
import { parseFilters } from './filters.ts';
import { parseTime } from './time.ts';

const KEYS = ['reference', 'dangling', 'label', 'before', 'since', 'after', 'until', 'id', 'digest', 'containers', 'readonly', 'intermediate', 'manifest'];
/** As Podman, `key!=value` excludes. */
const IMAGE_FILTERS = KEYS.flatMap((key) => [key, `${key}!`]);
/** podman-image-prune(1), and Docker's dangling. */
const PRUNE_FILTERS = ['label', 'label!', 'until', 'until!', 'dangling'];

export interface ImageFilterContext {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** For before and since. @throws ScullError NO_SUCH_IMAGE */
  find(nameOrId: string): Promise<Pick<ListedImage, 'created'>>;
  /** How many containers were made from an image, by its id. */
  containers(): ReadonlyMap<string, unknown>;
  /** Chain ids of the layers of images, lowest first, by their ids. */
  layers(): ReadonlyMap<string, readonly string[]>;
}

/**
 * The images that match all keys, values of one key being alternatives (of label: all). Where references are asked for,
 * only the names that match stay.
 * @throws ScullError INVALID for an unknown key or a value that makes no sense
 */
export async function filterImages(images: readonly ListedImage[], filters: readonly string[] | undefined, context: ImageFilterContext): Promise<ListedImage[]> {
  const { reference: patterns, ...parsed } = parseFilters(filters, IMAGE_FILTERS);
  const created = await timesAskedFor(parsed, context);
  const matchers = Object.entries(parsed).map(([key, values]) => matcher(key, values, images, { ...context, created }));
  const found = images.filter((image) => matchers.every((matches) => matches(image)));
  return patterns === undefined ? found : found.flatMap(matchingNames(images, patterns));
}

/** When the images were made that `before` and `since` name, as they are named, in milliseconds since the epoch. */
async function timesAskedFor(parsed: Readonly<Record<string, readonly string[]>>, { find }: ImageFilterContext): Promise<(name: string) => number> {
  const names = Object.entries(parsed).flatMap(([key, values]) => (/^(?:before|since|after)!?$/.test(key) ? values : []));
  const times = new Map(await Promise.all(names.map(async (name) => [name, Date.parse((await find(name)).created)] as const)));
  return (name) => times.get(name) ?? NaN;
}

/** Whether filters ask for images with a name too: `dangling=false` does, as with Docker. */
export function wantsNamed(filters: readonly string[] | undefined): boolean {
  return filters?.some((filter) => /^dangling=(?:0|f|false)$/i.test(filter)) ?? false;
}

/** Which images `image prune --filter` may remove. @throws ScullError INVALID */
export function pruneFilter(filters: readonly string[] | undefined, now: number): (image: ListedImage) => boolean {
  const context: MatchContext = { now, created: () => neverAsked(), containers: () => neverAsked(), layers: () => neverAsked() };
  const matchers = Object.entries(parseFilters(filters, PRUNE_FILTERS)).map(([key, values]) => matcher(key, values, [], context));
  return (image) => matchers.every((matches) => matches(image));
}

function neverAsked(): never {
  throw new Error('this filter needs no other images');
}

interface MatchContext extends Omit<ImageFilterContext, 'find'> {
  /** When the image of that name was made, in milliseconds since the epoch. */
  created(name: string): number;
}

function matcher(key: string, values: readonly string[], images: readonly ListedImage[], context: MatchContext): (image: ListedImage) => boolean {
  const { now } = context;
  if (key.endsWith('!')) {
    // What is excluded is excluded by each value alone.
    const unwanted = values.map((value) => matcher(key.slice(0, -1), [value], images, context));
    return (image) => !unwanted.some((matches) => matches(image));
  }
  switch (key) {
    case 'reference': {
      // excluded: of an image with several names all go, as with Podman
      const matching = matchingNames(images, values);
      return (image) => matching(image).length > 0;
    }
    case 'dangling':
      return (image) => values.some((value) => truth(key, value) === (image.names.length === 0));
    case 'label':
      return (image) => values.every((value) => hasLabel(image, value));
    case 'before': {
      const times = values.map(context.created);
      return (image) => times.some((time) => Date.parse(image.created) < time);
    }
    case 'since':
    case 'after': {
      const times = values.map(context.created);
      return (image) => times.some((time) => Date.parse(image.created) > time);
    }
    case 'until': {
      const times = values.map((value) => parseTime(value, '--filter until', { now, spans: 'past' }));
      return (image) => times.some((time) => Date.parse(image.created) < time);
    }
    case 'id':
      return (image) => values.some((value) => image.id.slice('sha256:'.length).startsWith(value.replace(/^sha256:/, '')));
    case 'digest':
      return (image) => values.some((value) => image.manifestDigest.startsWith(value) || image.repoDigests.some((digest) => digest.endsWith(`@${value}`)));
    case 'containers': {
      // Nobody else's containers stand on this store.
      const used = values.includes('external') ? new Map<string, unknown>() : context.containers();
      return (image) => values.some((value) => (value === 'external' || truth(key, value)) === used.has(image.id));
    }
    case 'manifest':
      return (image) => values.some((value) => truth(key, value) === (image.kind === 'list'));
    case 'intermediate': {
      const layers = context.layers();
      // All that others may be made from.
      const bases = new Set([...layers.values()].flatMap((chain) => chain.slice(0, -1)));
      return (image) => values.some((value) => truth(key, value) === (image.names.length === 0 && bases.has(layers.get(image.id)?.at(-1) ?? '')));
    }
    default: // nothing here is read-only
      return () => values.some((value) => !truth(key, value));
  }
}

function truth(key: string, value: string): boolean {
  if (/^(?:1|t|true)$/i.test(value)) return true;
  if (/^(?:0|f|false)$/i.test(value)) return false;
  throw new ScullError('INVALID', `the filter ${key} is true or false, not ${JSON.stringify(value)}`);
}

function hasLabel(image: ListedImage, wanted: string): boolean {
  const labels = image.config?.config?.Labels ?? {};
  const equals = wanted.indexOf('=');
  if (equals < 0) return Object.hasOwn(labels, wanted);
  return Object.hasOwn(labels, wanted.slice(0, equals)) && labels[wanted.slice(0, equals)] === wanted.slice(equals + 1);
}

/** An image with those of its names that match. What fits no name of any image may be the beginning of an id, as with Podman. */
function matchingNames(images: readonly ListedImage[], patterns: readonly string[]): (image: ListedImage) => ListedImage[] {
  const ids = patterns.filter((pattern) => /^(?:sha256:)?[0-9a-f]{1,64}$/.test(pattern) && !images.some((image) => withMatchingNames(image, [pattern]).length > 0));
  return (image) => (ids.some((id) => image.id.slice(7).startsWith(id.replace(/^sha256:/, ''))) ? [image] : withMatchingNames(image, patterns));
}

function withMatchingNames(image: ListedImage, patterns: readonly string[]): ListedImage[] {
  const expressions = patterns.map(globExpression);
  const matches = (name: string): boolean => spellings(name).some((spelling) => expressions.some((expression) => expression.test(spelling)));
  const names = image.names.filter(matches);
  if (names.length > 0) return [{ ...image, names }];
  const repoDigests = image.repoDigests.filter(matches);
  return repoDigests.length > 0 && image.names.length === 0 ? [{ ...image, repoDigests }] : [];
}

/** What a person may call `docker.io/library/debian:12`: also `debian:12`, `debian`, `library/debian`. */
function spellings(name: string): string[] {
  let reference: Reference;
  try {
    reference = parseReference(name);
  } catch {
    return [name]; // other programs may write names into an image layout that we would not
  }
  const repository = repositoryName(reference);
  const suffix = name.slice(repository.length);
  const found = new Set<string>([name, repository, familiarName(reference), familiarName({ ...reference, tag: 'latest', digest: undefined })]);
  for (let rest = repository; rest.includes('/'); ) {
    rest = rest.slice(rest.indexOf('/') + 1);
    found.add(rest).add(rest + suffix);
  }
  return [...found];
}

/** Go's path.Match: `*` and `?` do not cross a slash, `[a-z]` is a set. */
function globExpression(pattern: string): RegExp {
  let source = '';
  for (let index = 0; index < pattern.length; index += 1) {
    const character = pattern[index] as string;
    const set = character === '[' ? /^\[(\^?)((?:\\.|[^\]\\])+)\]/.exec(pattern.slice(index)) : null;
    if (set !== null) {
      source += `[${set[1]}${(set[2] as string).replace(/[[\]^]/g, '\\$&')}]`;
      index += set[0].length - 1;
    } else if (character === '*') source += '[^/]*';
    else if (character === '?') source += '[^/]';
    else source += character.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  }
  try {
    return new RegExp(`^${source}$`);
  } catch (cause) {
    throw new ScullError('INVALID', `invalid pattern ${JSON.stringify(pattern)} for a reference`, { cause });
  }
}
