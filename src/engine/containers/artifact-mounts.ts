/** --mount type=artifact: the contents of an artifact that is in the store, as files. podman-run(1). */
import { chmodSync } from 'node:fs';
import { isScullError, ScullError } from '../../host/errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { ResolvedMount } from '../../runtime/container-record.ts';
import { rootfsKind } from '../../runtime/rootfs-file.ts';
import type { ArtifactMount } from '../../spec/container-spec.ts';
import { lookUpStored } from '../../storage/image-lookup.ts';
import type { Engine } from '../engine.ts';
import { byAlias } from '../images/by-alias.ts';

const TITLE = 'org.opencontainers.image.title';

/**
 * A directory as target gets a file for each content, named after its title; anything else is the one content itself. Where
 * there is nothing yet, one content is a file and several are in a directory.
 * @param root directories on disk that make up the container's root, highest first
 * @throws ScullError NO_SUCH_IMAGE; INVALID for what is no artifact, contents that are not in it, and several for one file
 */
export async function artifactMounts(engine: Engine, wish: ArtifactMount, root: readonly string[]): Promise<ResolvedMount[]> {
  const contents = chosen(await contentsOf(engine, wish.artifact), wish);
  const kind = rootfsKind(root, wish.target);
  const asDirectory = kind === 'directory' || (kind === undefined && contents.length > 1);
  if (!asDirectory && contents.length > 1) {
    throw new ScullError('INVALID', `the artifact ${JSON.stringify(wish.artifact)} has ${contents.length} contents, and ${wish.target} is one file`, { hint: 'choose one with title= or digest=, or mount it on a directory' });
  }
  return contents.map((content, index) => {
    const source = engine.store.layout.blob(content.digest);
    // Other users of the container read it too; from outside the store's own folders keep everybody away.
    chmodSync(source, 0o444);
    return {
      type: 'bind',
      source,
      blob: content.digest,
      target: asDirectory ? `${wish.target === '/' ? '' : wish.target}/${fileName(content, index, contents.length, wish.name)}` : wish.target,
      readOnly: true,
      propagation: 'rprivate',
      options: ['bind', 'nosuid', 'nodev', ...wish.options],
    };
  });
}

async function contentsOf(engine: Engine, name: string): Promise<readonly Descriptor[]> {
  let stored;
  try {
    stored = await byAlias(name, (meant) => lookUpStored(engine.store, meant).image);
  } catch (error) {
    if (isScullError(error, 'NO_SUCH_IMAGE')) throw new ScullError('NO_SUCH_IMAGE', `there is no artifact ${JSON.stringify(name)}`, { hint: 'artifacts are not pulled for a mount: do that with `scull pull` first', cause: error });
    throw error;
  }
  if (stored.kind !== 'artifact') throw new ScullError('INVALID', `${JSON.stringify(name)} is ${stored.kind === 'list' ? 'a list of images' : 'an image'}, not an artifact`, { hint: 'mount it with type=image' });
  return stored.manifest?.layers ?? [];
}

function chosen(contents: readonly Descriptor[], { artifact, digest, title }: ArtifactMount): readonly Descriptor[] {
  const found = contents.filter((content) => (digest === undefined || content.digest === digest || content.digest.slice(content.digest.indexOf(':') + 1) === digest) && (title === undefined || content.annotations?.[TITLE] === title));
  if (found.length > 0) return found;
  const titles = contents.flatMap((content) => content.annotations?.[TITLE] ?? []);
  throw new ScullError('INVALID', `the artifact ${JSON.stringify(artifact)} has no content ${digest === undefined ? (title === undefined ? 'at all' : `with the title ${JSON.stringify(title)}`) : `with the digest ${digest}`}`, {
    hint: titles.length === 0 ? 'see what it has with `scull inspect`' : `titles are ${titles.join(', ')}`,
  });
}

/** A title comes from outside: only its last part can be a file's name. */
function fileName(content: Descriptor, index: number, count: number, name: string | undefined): string {
  if (name !== undefined) return count === 1 ? name : `${name}-${index}`;
  const last = content.annotations?.[TITLE]?.split('/').at(-1) ?? '';
  return last === '' || last === '.' || last === '..' || last.includes('\0') || last.length > 255 ? content.digest : last;
}
