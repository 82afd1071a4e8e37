/** How a container's root gets mounted: by the storage driver's plan, or a plain directory with --rootfs. */
import type { Digest } from '../oci/digest.ts';
import type { StoreLayout } from '../storage/layout.ts';
import type { ContainerRecord } from './container-record.ts';

/** Directories on disk that make up the root, highest first, for reading files of it from outside. */
export function rootDirectories(layout: StoreLayout, record: ContainerRecord): string[] {
  if (record.pod?.infra === true) return [layout.container(record.id).upper];
  if (record.image === undefined) return [...(record.spec.rootfsOverlay === true ? [layout.container(record.id).upper] : []), record.spec.rootfs ?? '/nonexistent'];
  const lowers = [...record.image.layers].reverse().map((id) => layout.layer(id).diff);
  return [layout.container(record.id).upper, ...lowers];
}

export function chainIds(record: ContainerRecord): Digest[] {
  return (record.image?.layers ?? []).map((hex) => `sha256:${hex}` as Digest);
}
