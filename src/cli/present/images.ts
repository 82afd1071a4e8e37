/** `images` and `history`: tables, ids only, JSON in Podman's shape, template fields of Docker and Podman. */
import { ScullError } from '../../host/errors.ts';
import type { StoredImage } from '../../storage/image-types.ts';
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
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export const IMAGE_SORT_KEYS = ['created', 'id', 'repository', 'size', 'tag'] as const;

/** An image under one of its names. */
interface Row {
  readonly image: StoredImage;
  readonly repository: string;
  readonly tag: string;
}

const NONE = '<none>';

/** Text for standard output: one line per name, one for an image without any. @throws ScullError INVALID */
export async function presentImages(images: readonly StoredImage[], options: ImagesOptions): Promise<string> {
  const rows = sortRows(images.flatMap(rowsOf), options.sort ?? 'created');
  if (options.format === undefined) {
    if (options.quiet === true) return [...new Set(rows.map(({ image }) => `${imageId(image, options)}\n`))].join('');
    return imageTable(rows, options);
  }
  const { isJsonFormat, renderJson, renderRows } = await import('./format.ts');
  if (isJsonFormat(options.format)) return renderJson(rows.map(jsonImage), 4);
  const headings = { ID: 'IMAGE ID', CreatedSince: 'CREATED' };
  return renderRows(rows.map((row) => templateRow(row, options)), options.format, { headings, noHeading: options.noHeading });
}

function rowsOf(image: StoredImage): Row[] {
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
function imageId(image: StoredImage, options: ImagesOptions): string {
  return options.noTrunc === true ? image.id : shortId(image.id);
}

function sortRows(rows: readonly Row[], key: string): Row[] {
  const name = (row: Row): string => `${row.repository}\0${row.tag}`;
  const by = <T extends string | number>(value: (row: Row) => T, direction = 1) => (a: Row, b: Row): number => {
    const [left, right] = [value(a), value(b)];
    return left < right ? -direction : left > right ? direction : name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0;
  };
  switch (key) {
    case 'created':
      return rows.toSorted(by((row) => Date.parse(row.image.created) || 0, -1));
    case 'id':
      return rows.toSorted(by((row) => row.image.id));
    case 'repository':
      return rows.toSorted(by(name));
    case 'size':
      return rows.toSorted(by((row) => row.image.size));
    case 'tag':
      return rows.toSorted(by((row) => row.tag));
    default:
      throw new ScullError('INVALID', `cannot sort by ${JSON.stringify(key)}`, { hint: `sort by ${IMAGE_SORT_KEYS.join(', ')}` });
  }
}

/** An element of `podman images --format json`. */
function jsonImage({ image, repository, tag }: Row): object {
  return {
    Id: shortId(image.id, true),
    ParentId: '',
    RepoTags: image.names,
    RepoDigests: image.repoDigests,
    Size: image.size,
    SharedSize: 0,
    VirtualSize: image.size,
    Labels: image.config?.config?.Labels ?? {},
    Dangling: image.names.length === 0,
    Arch: image.config?.architecture ?? '',
    Digest: image.manifestDigest,
    IsManifestList: image.kind === 'list',
    Names: image.names,
    Os: image.config?.os ?? '',
    Created: Math.floor((Date.parse(image.created) || 0) / 1000),
    CreatedAt: image.created,
    Repository: repository,
    Tag: tag,
  };
}

function templateRow({ image, repository, tag }: Row, options: ImagesOptions): object {
  const ago = humanAgo(image.created, options.now);
  const size = humanSizeSpaced(image.size);
  const labels = image.config?.config?.Labels ?? {};
  return {
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
    History: '',
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
