/** Layers that a stage stands on: what they are called, and where they are. */
import { chainIds } from '../../oci/chain-id.ts';
import type { Digest } from '../../oci/digest.ts';
import type { LayerRef } from '../../storage/image-types.ts';
import { layerPaths } from '../../storage/layers/store.ts';
import type { BuildSession } from './session.ts';

/** Diff directories of layers, highest first: what is read in them must stay. @throws LostMeanwhile */
export function layerDirectories(session: BuildSession, layers: readonly LayerRef[]): string[] {
  session.hold();
  return layers.map((layer) => layerPaths(session.engine.store, layer.chainId).diff).reverse();
}

/** Layers on top of which one more goes: the id of the stack. */
export function topOf(layers: readonly LayerRef[]): Digest | 'scratch' {
  return layers.at(-1)?.chainId ?? 'scratch';
}

/** The id of a stack with one more layer. */
export function chainOn(parents: readonly LayerRef[], diffId: Digest): Digest {
  return chainIds([...parents.map((layer) => layer.diffId), diffId]).at(-1) as Digest;
}
