/** `images` and `history`: tables, ids only, JSON in Podman's shape, template fields of Docker and Podman. */
import { ScullError } from '../../host/errors.ts';
import type { ListedImage } from '../../storage/image-listing.ts';
import { goTime, humanAgo, humanSizeSpaced, shortId } from './humanize.ts';
import { renderTable } from './table.ts';

export interface ImagesOptions {
  readonly format?: string;
  readonly quiet?: boolean;
  readonly noTrunc?: boolean;
  readonly noHeading?: boolean;
  readonly digests?: boolean;
  readonly history?: boolean;
  /** One of {@link IMAGE_SORT_KEYS}; created (newest first) unless given. */
  readonly sort?: string;
  /** How many containers were made from an image, by its id; asked for only where it is shown. */
  containers(): ReadonlyMap<string, number>;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const IMAGE_SORT_KEYS = ['created', 'id', 'repository', 'size', 'tag'] as const;

/** An image under one of its names. */
interface Row {
  readonly image: ListedImage;
  readonly repository: string;
  readonly tag: string;
}

const NONE = '<none>';

/** Text for standard output: one line per name, one for an image without any. @throws ScullError INVALID */
export async function presentImages(images: readonly ListedImage[], options: ImagesOptions): Promise<string> {
  const rows = sortRows(images.flatMap(rowsOf), options.sort ?? 'created');
  if (options.format === undefined) {
    if (options.quiet === true) return [...new Set(rows.map(({ image }) => `${imageId(image, options)}\n`))].join('');
    return imageTable(rows, options);
  }
  const { isJsonFormat, renderJson, renderRows } = await import('./format.ts');
  let counts: ReadonlyMap<string, number> | undefined;
  const containers = ({ image }: Row): number => (counts ??= options.containers()).get(image.id) ?? 0;
  if (isJsonFormat(options.format)) return renderJson(rows.map((row) => jsonImage(row, containers)), 4);
  const headings = { ID: 'IMAGE ID', CreatedSince: 'CREATED' };
  return renderRows(rows.map((row) => templateRow(row, options, containers)), options.format, { headings, noHeading: options.noHeading });
}

function rowsOf(image: ListedImage): Row[] {
  if (image.names.length > 0) return image.names.map((name) => ({ image, ...splitName(name) }));
  const digest = image.repoDigests[0];
  return [{ image, repository: digest === undefined ? NONE : digest.slice(0, digest.indexOf('@')), tag: NONE }];
}

/** `localhost:5000/a/b:1` → repository and tag. */
export function splitName(name: string): { readonly repository: string; readonly tag: string } {
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  return colon < 0 ? { repository: name, tag: NONE } : { repository: name.slice(0, colon), tag: name.slice(colon + 1) };
}

function imageTable(rows: readonly Row[], options: ImagesOptions): string {
  const lines = rows.map(({ image, repository, tag }) => {
    const line = [repository, tag];
    if (options.digests === true) line.push(image.manifestDigest);
    line.push(imageId(image, options), humanAgo(image.created, options.now), humanSizeSpaced(image.size));
    if (options.history === true) line.push(image.names.join(', ') || NONE);
    return line;
  });
  if (options.noHeading !== true) lines.unshift(['REPOSITORY', 'TAG', ...(options.digests === true ? ['DIGEST'] : []), 'IMAGE ID', 'CREATED', 'SIZE', ...(options.history === true ? ['HISTORY'] : [])]);
  return renderTable(lines);
}

/** Whole ids begin with `sha256:`, as Docker's and Podman's do. */
function imageId(image: ListedImage, options: ImagesOptions): string {
  return options.noTrunc === true ? image.id : shortId(image.id);
}

function sortRows(rows: readonly Row[], key: string): Row[] {
  const value = Object.hasOwn(SORT_VALUES, key) ? SORT_VALUES[key] : undefined;
  if (value === undefined) throw new ScullError('INVALID', `cannot sort by ${JSON.stringify(key)}`, { hint: `sort by ${IMAGE_SORT_KEYS.join(', ')}` });
  const keyed = rows.map((row) => ({ row, value: value(row), name: nameOf(row) }));
  keyed.sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return keyed.map(({ row }) => row);
}

function nameOf({ repository, tag }: Row): string {
  return `${repository}\0${tag}`;
}

const SORT_VALUES: Readonly<Record<string, (row: Row) => string | number>> = {
  // The newest first.
  created: ({ image }) => -(Date.parse(image.created) || 0),
  id: ({ image }) => image.id,
  repository: nameOf,
  size: ({ image }) => image.size,
  tag: ({ tag }) => tag,
};

/** An element of `podman images --format json`. */
function jsonImage(row: Row, containers: (row: Row) => number): object {
  const { image, repository, tag } = row;
  return {
    Id: shortId(image.id, true),
    ParentId: '',
    RepoTags: image.names,
    RepoDigests: image.repoDigests,
    Size: image.size,
    SharedSize: 0,
    VirtualSize: image.size,
    Labels: image.config?.config?.Labels ?? {},
    Containers: containers(row),
    Dangling: image.names.length === 0,
    Arch: image.config?.architecture ?? '',
    Digest: image.manifestDigest,
    History: image.names,
    IsManifestList: image.kind === 'list',
    Names: image.names,
    Os: image.config?.os ?? '',
    Created: Math.floor((Date.parse(image.created) || 0) / 1000),
    CreatedAt: image.created,
    Repository: repository,
    Tag: tag,
  };
}

function templateRow(row: Row, options: ImagesOptions, containers: (row: Row) => number): object {
  const { image, repository, tag } = row;
  const ago = humanAgo(image.created, options.now);
  const size = humanSizeSpaced(image.size);
  const labels = image.config?.config?.Labels ?? {};
  return {
    // What only few ask for takes reading all containers.
    get Containers() {
      return containers(row);
    },
    CreatedAt: goTime(image.created),
    CreatedSince: ago,
    Digest: image.manifestDigest,
    ID: imageId(image, options),
    Repository: repository,
    SharedSize: 'N/A',
    Size: size,
    Tag: tag,
    UniqueSize: 'N/A',
    VirtualSize: size,
    // Podman's own
    Created: ago,
    CreatedTime: goTime(image.created),
    Dangling: image.names.length === 0,
    History: image.names.join(', '),
    Id: shortId(image.id, true),
    IsManifestList: image.kind === 'list',
    Labels: labels,
    Names: image.names,
    ParentId: '',
    ReadOnly: false,
    RepoDigests: image.repoDigests,
    RepoTags: image.names,
    Arch: image.config?.architecture ?? '',
    Os: image.config?.os ?? '',
    Label: (name: unknown) => (typeof name === 'string' && Object.hasOwn(labels, name) ? labels[name] : ''),
  };
}
