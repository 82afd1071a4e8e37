/** What `mount` and `image mount` list: ids or names and places, or JSON in Podman's shape. */
import type { Shown } from '../../engine/system/mounts.ts';
import { escapeControl } from '../escape.ts';

/** Of images, names say more than ids. */
export function presentShownImages(all: readonly Shown[], format: 'json' | undefined, wholeIds: boolean): string {
  if (format === 'json') return `${JSON.stringify(all.map(({ id, names, place }) => ({ id, Names: names, Repositories: names, mountpoint: place })), null, 1)}\n`;
  return all.map(({ id, names, place }) => `${escapeControl(names[0] ?? (wholeIds ? id : id.slice(0, 12)))} ${escapeControl(place)}\n`).join('');
}

export function presentShown(all: readonly Shown[], format: 'json' | undefined, wholeIds: boolean): string {
  if (format === 'json') return `${JSON.stringify(all.map(({ id, names, place }) => ({ id, Names: names, mountpoint: place })), null, 1)}\n`;
  return all.map(({ id, place }) => `${wholeIds ? id : id.slice(0, 12)} ${escapeControl(place)}\n`).join('');
}
