/** `volumes` of a pod: where what its containers mount comes from. */
import { ScullError } from '../host/errors.ts';
import type { Fields } from './fields.ts';
import { parseByteQuantity } from './quantity.ts';

export type KubeVolume = { readonly name: string } & VolumeSource;

export type VolumeSource =
  | { readonly type: 'hostPath'; readonly path: string; readonly kind: HostPathKind }
  | { readonly type: 'claim'; readonly claim: string; readonly readOnly: boolean }
  | { readonly type: 'emptyDir' }
  | { readonly type: 'memory'; readonly size?: number }
  | { readonly type: 'image'; readonly image: string }
  | ({ readonly type: 'configMap' | 'secret' } & Projection);

/** Files of a ConfigMap or Secret. */
export interface Projection {
  readonly source: string;
  /** Undefined: all keys, as files of the same names. */
  readonly items?: readonly { readonly key: string; readonly path: string; readonly mode?: number }[];
  readonly mode: number;
  /** Without it nothing is mounted. */
  readonly optional: boolean;
}

const HOST_PATH_KINDS = ['', 'DirectoryOrCreate', 'Directory', 'FileOrCreate', 'File', 'Socket', 'CharDevice', 'BlockDevice'] as const;
export type HostPathKind = (typeof HOST_PATH_KINDS)[number];

/** @throws ScullError INVALID, UNSUPPORTED for a source that is none of these */
export function readVolume(fields: Fields): KubeVolume {
  const name = fields.required('name');
  const hostPath = fields.fields('hostPath');
  if (hostPath !== undefined) {
    const kind = HOST_PATH_KINDS.find((known) => known === (hostPath.text('type') ?? ''));
    if (kind === undefined) throw hostPath.wrong('type', `one of ${HOST_PATH_KINDS.filter((known) => known !== '').join(', ')}`);
    return { name, type: 'hostPath', path: hostPath.required('path'), kind };
  }
  const claim = fields.fields('persistentVolumeClaim');
  if (claim !== undefined) return { name, type: 'claim', claim: claim.required('claimName'), readOnly: claim.boolean('readOnly') ?? false };
  const emptyDir = fields.fields('emptyDir');
  if (emptyDir !== undefined) return { name, ...readEmptyDir(emptyDir) };
  const configMap = fields.fields('configMap');
  if (configMap !== undefined) return { name, type: 'configMap', ...readProjection(configMap, 'name') };
  const secret = fields.fields('secret');
  if (secret !== undefined) return { name, type: 'secret', ...readProjection(secret, 'secretName') };
  const image = fields.fields('image');
  if (image !== undefined) {
    image.passOver('pullPolicy');
    return { name, type: 'image', image: image.required('reference') };
  }
  throw new ScullError('UNSUPPORTED', `the volume ${JSON.stringify(name)} is of a kind that only a cluster has`, { hint: 'kinds that work are hostPath, emptyDir, persistentVolumeClaim, configMap, secret and image' });
}

function readEmptyDir(fields: Fields): VolumeSource {
  const size = fields.text('sizeLimit');
  if (fields.text('medium') !== 'Memory') return { type: 'emptyDir' };
  return { type: 'memory', ...(size === undefined ? {} : { size: parseByteQuantity(size, 'sizeLimit') }) };
}

function readProjection(fields: Fields, nameKey: string): Projection {
  const mode = { min: 0, max: 0o777 };
  const items = fields.list('items').map((item) => {
    const own = item.integer('mode', mode);
    return { key: item.required('key'), path: safePath(item.required('path'), item), ...(own === undefined ? {} : { mode: own }) };
  });
  return { source: fields.required(nameKey), mode: fields.integer('defaultMode', mode) ?? 0o644, optional: fields.boolean('optional') ?? false, ...(items.length === 0 ? {} : { items }) };
}

function safePath(path: string, item: Fields): string {
  if (path.startsWith('/') || path.includes('\0') || path.split('/').some((part) => part === '' || part === '.' || part === '..')) throw item.wrong('path', 'a relative path without ".."');
  return path;
}

/**
 * The files of a projection, by their relative path.
 * @param contents of the ConfigMap or Secret
 * @throws ScullError INVALID for a key that is not there, or can be no file's name
 */
export function projectedFiles(volume: KubeVolume & Projection, contents: Readonly<Record<string, Buffer>>): { readonly path: string; readonly content: Buffer; readonly mode: number }[] {
  const all = Object.keys(contents).map((key) => ({ key, path: key, mode: undefined }));
  return (volume.items ?? all).map(({ key, path, mode }) => {
    const content = Object.hasOwn(contents, key) ? contents[key] : undefined;
    if (content === undefined) throw new ScullError('INVALID', `the volume ${volume.name} wants the key ${JSON.stringify(key)}, which ${volume.source} does not have`);
    if (volume.items === undefined && !/^[-._a-zA-Z0-9]{1,253}$/.test(key) || path === '.' || path === '..') throw new ScullError('INVALID', `${JSON.stringify(key.slice(0, 100))} of ${volume.source} can't be the name of a file`);
    return { path, content, mode: mode ?? volume.mode };
  });
}
