/** How much a layer may unpack to: an archive of a few megabytes can be made to fill any disk, or to take for ever. */
import { environmentVariable } from '../../host/environment.ts';
import { parseSize } from '../../spec/size.ts';
import { DEFAULT_LIMITS, SIZE_VARIABLE, tooLarge, type UnpackLimits } from './extract.ts';

/** Layers of real images shrink to a tenth at best. */
const MOST_EXPANSION = 200;
/** Below this nobody asks how well it was compressed: a sparse file (/var/log/lastlog) may be large and say nothing. */
const ALWAYS_ALLOWED = 16 * 1024 ** 3;

/**
 * @param compressedSize bytes of the layer's blob
 * @throws ScullError INVALID for a variable that is no size
 */
export function layerLimits(compressedSize: number, variable: string | undefined = environmentVariable(SIZE_VARIABLE)): UnpackLimits {
  const unpackedSize = variable === undefined ? Math.min(DEFAULT_LIMITS.unpackedSize, Math.max(ALWAYS_ALLOWED, compressedSize * MOST_EXPANSION)) : parseSize(variable, SIZE_VARIABLE);
  return { ...DEFAULT_LIMITS, unpackedSize };
}

/** Bytes that the archive itself may have, given what its files may: it holds headers too, and padding. */
export function archiveLimit({ unpackedSize }: UnpackLimits): number {
  return unpackedSize + unpackedSize / 8 + 1024 ** 2;
}

/** @throws ScullError INVALID when a layer of that many compressed bytes has unpacked to more than it may */
export function checkExpansion(unpacked: number, compressedSize: number): void {
  if (unpacked <= ALWAYS_ALLOWED) return;
  const { unpackedSize } = layerLimits(compressedSize);
  if (unpacked > unpackedSize) throw tooLarge(unpackedSize);
}
