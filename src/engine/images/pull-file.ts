/** Images in files and folders by a name with a transport (containers-transports(5)), for pull, run and create. */
import { ScullError } from '../../host/errors.ts';
import { hostPlatform, type Platform } from '../../oci/platform.ts';
import { formatReference, parseReference, parseSource, type FileLocation } from '../../oci/reference.ts';
import type { ArchivedImage } from '../../storage/archives/archived-image.ts';
import type { ImageRecord, StoredImage } from '../../storage/image-types.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';
import { admitArchived, withImages } from './load.ts';
import { warnOfPlatform } from './platform-warning.ts';

export interface PullFileOptions {
  /** This machine's unless given. */
  readonly platform?: Platform | undefined;
  /** One image is wanted, for a container say. */
  readonly single?: boolean;
}

/**
 * Takes in what `name` points to: `docker-archive:PATH[:NAME|:@INDEX]` (all its images unless one is chosen),
 * `oci:PATH[:NAME]`, `oci-archive:PATH[:NAME]`, `dir:PATH`. Images get the names they carry there.
 * @throws ScullError NOT_FOUND, INVALID, NO_SUCH_IMAGE when there is none of that name, AMBIGUOUS when one must be chosen; NO_SPACE
 */
export async function pullFile(engine: Engine, name: string, options: PullFileOptions = {}): Promise<readonly StoredImage[]> {
  const location = parseSource(name);
  if (location.transport === 'docker') throw new Error(`not in a file: ${name}`);
  return withImages(engine, location.path, options.platform, async (images) => {
    const chosen = chooseArchived(location, images);
    if (chosen.length > 1 && (options.single === true || location.transport !== 'docker-archive')) throw ambiguous(location, images);
    const records: StoredImage[] = [];
    for (const image of chosen) {
      const wanted = 'name' in location && location.name !== undefined ? [location.name] : image.names;
      const { record } = await admitArchived(engine, image, wanted);
      if (record.kind === 'image') warnOfPlatform(engine, record as ImageRecord, options.platform ?? hostPlatform());
      recordEvent(engine, { type: 'image', status: 'pull', id: record.id, name });
      records.push(record);
    }
    return records;
  });
}

/** Those of a file's images that a name with a transport means. @throws ScullError NO_SUCH_IMAGE when there is none */
export function chooseArchived(location: FileLocation, images: readonly ArchivedImage[]): readonly ArchivedImage[] {
  if (location.transport === 'dir') return images;
  if (location.transport === 'docker-archive' && location.index !== undefined) {
    const image = images[location.index];
    if (image === undefined) throw new ScullError('NO_SUCH_IMAGE', `${JSON.stringify(location.path)} has ${images.length} images, so there is none with the number ${location.index}`);
    return [image];
  }
  const { name } = location;
  if (name === undefined) return images;
  // Docker's archives hold whole names; in a layout the text stands as it was written.
  const meant = location.transport === 'docker-archive' ? formatReference(parseReference(name)) : name;
  const found = images.filter((image) => image.names.some((each) => each === name || each === meant));
  if (found.length > 0) return found;
  throw new ScullError('NO_SUCH_IMAGE', `${JSON.stringify(location.path)} has no image of the name ${JSON.stringify(name)}`, { hint: hintOf(images) });
}

export function ambiguous(location: FileLocation, images: readonly ArchivedImage[]): ScullError {
  return new ScullError('AMBIGUOUS', `${JSON.stringify(location.path)} has ${images.length} images: say which one with ${location.transport}:PATH:NAME`, { hint: hintOf(images) });
}

function hintOf(images: readonly ArchivedImage[]): string {
  const names = images.flatMap((image) => image.names).slice(0, 20);
  return names.length === 0 ? 'its images have no names' : `it has ${names.join(', ')}`;
}
