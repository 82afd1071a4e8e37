/** Every kind of thing in the store, in the order of `system df`. Yours goes here, and its file into kinds/. */
import { buildCacheKind } from './kinds/build-cache.ts';
import { containerKind } from './kinds/containers.ts';
import { imageKind } from './kinds/images.ts';
import { layerKind } from './kinds/layers.ts';
import { leftoverKind } from './kinds/leftovers.ts';
import { networkKind } from './kinds/networks.ts';
import { podKind } from './kinds/pods.ts';
import { secretKind } from './kinds/secrets.ts';
import { storeFileKind } from './kinds/store-files.ts';
import { volumeKind } from './kinds/volumes.ts';
import type { StoreKind } from './store-kind.ts';

export const KINDS: readonly StoreKind[] = [storeFileKind, imageKind, layerKind, podKind, containerKind, networkKind, volumeKind, secretKind, buildCacheKind, leftoverKind];

/** What is used by others goes after those: a container before its volumes, its networks and its image. */
export const PRUNE_ORDER: readonly StoreKind[] = [podKind, containerKind, networkKind, volumeKind, buildCacheKind, imageKind, leftoverKind];
