/** Mount wishes → mounts whose sources exist: volumes are made, host paths checked, other containers' mounts looked up. */
import { lstatSync, mkdirSync, statSync } from 'node:fs';
import { describeErrno } from '../../host/errno.ts';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { digestHex } from '../../oci/digest.ts';
import type { ImageRecord } from '../../storage/image-types.ts';
import type { ResolvedMount } from '../../runtime/container-record.ts';
import { findContainer } from '../../runtime/container-store.ts';
import { resolveSimpleMount, wishedMounts } from '../../runtime/merge.ts';
import type { BindMount, ContainerSpec, ImageMount, MountRequest } from '../../spec/container-spec.ts';
import type { Engine } from '../engine.ts';

/** @throws ScullError INVALID, NOT_FOUND (a missing bind source), NO_SUCH_CONTAINER (--volumes-from) */
export async function resolveMounts(engine: Engine, spec: ContainerSpec, image: ImageRecord | undefined): Promise<ResolvedMount[]> {
  const wishes = wishedMounts(spec, image?.config, spec.volumesFrom.flatMap((text) => mountsOf(engine, text)));
  const resolved: ResolvedMount[] = [];
  for (const wish of wishes) {
    if (wish.type === 'artifact') resolved.push(...(await (await import('./artifact-mounts.ts')).artifactMounts(engine, wish, rootOf(engine, spec, image))));
    else resolved.push(await resolveMount(engine, wish));
  }
  return resolved;
}

/** Directories on disk that make up the root, highest first. */
function rootOf(engine: Engine, spec: ContainerSpec, image: ImageRecord | undefined): string[] {
  if (image === undefined) return spec.rootfs === undefined ? [] : [spec.rootfs];
  return image.layers.map(({ chainId }) => engine.store.layout.layer(digestHex(chainId)).diff).reverse();
}

async function resolveMount(engine: Engine, wish: MountRequest): Promise<ResolvedMount> {
  switch (wish.type) {
    case 'volume': {
      const { resolveVolumeMount } = await import('../volumes/mount.ts');
      return resolveVolumeMount(engine, wish);
    }
    case 'image':
      return resolveImage(engine, wish);
    case 'bind':
      checkBindSource(wish);
      break;
    default:
      break;
  }
  const simple = resolveSimpleMount(wish);
  if (simple === undefined) throw new ScullError('UNSUPPORTED', `mounts of type ${wish.type} are not supported`);
  return simple;
}

/** A missing source is an error, as for podman, where a mistyped path would get an empty directory; `--mount bind-create-src` makes it. */
function checkBindSource(wish: BindMount): void {
  try {
    statSync(wish.source);
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT') throw new ScullError('PERMISSION', `cannot use ${JSON.stringify(wish.source)} as a mount source: ${describeErrno(cause)}`, { cause });
    if (!wish.createSource || isDanglingLink(wish.source)) {
      throw new ScullError('NOT_FOUND', `the mount source ${JSON.stringify(wish.source)} does not exist on the host`, { hint: `make it first: mkdir -p ${wish.source}`, cause });
    }
    mkdirSync(wish.source, { recursive: true });
  }
}

function isDanglingLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}

async function resolveImage(engine: Engine, wish: ImageMount): Promise<ResolvedMount> {
  const { ensureImage } = await import('../images/ensure.ts');
  const image = await ensureImage(engine, wish.image, { pull: 'missing' });
  return {
    type: 'image',
    name: wish.image,
    source: image.layers.map((layer) => layer.chainId).join(','),
    target: wish.target,
    readOnly: wish.readOnly,
    propagation: '',
    options: ['rbind', ...wish.options],
    ...(wish.subpath === undefined ? {} : { subpath: wish.subpath }),
  };
}

/** --volumes-from CONTAINER[:ro|rw]: its volumes and binds, at the same places. */
function mountsOf(engine: Engine, text: string): MountRequest[] {
  const [name, mode] = splitMode(text);
  const record = findContainer(engine.store.layout, name);
  return record.config.mounts.flatMap((mount): MountRequest[] => {
    const readOnly = mode === 'ro' || (mode === undefined && mount.readOnly);
    const common = { target: mount.target, readOnly, options: mount.options.filter((option) => option !== 'rbind' && option !== 'bind') };
    if (mount.type === 'volume') return [{ ...common, type: 'volume', copy: false, chown: false, ...(mount.name === undefined ? {} : { name: mount.name }), ...(mount.subpath === undefined ? {} : { subpath: mount.subpath }) }];
    if (mount.type === 'bind') return [{ ...common, type: 'bind', source: mount.source, recursive: !mount.options.includes('bind'), chown: false, overlay: false, createSource: false }];
    return [];
  });
}

function splitMode(text: string): [string, string | undefined] {
  const colon = text.lastIndexOf(':');
  if (colon < 0) return [text, undefined];
  const mode = text.slice(colon + 1);
  if (!['ro', 'rw', 'z', 'Z'].includes(mode)) throw new ScullError('INVALID', `invalid --volumes-from ${JSON.stringify(text)}: ${JSON.stringify(mode)} is neither ro nor rw`);
  return [text.slice(0, colon), mode];
}
