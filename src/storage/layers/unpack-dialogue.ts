/** What the process that unpacks a layer (unpack-worker.ts) and the one that has started it (unpack-process.ts) tell each other. */
import type { ErrorCode } from '../../host/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import type { UnpackLimits } from './extract.ts';
import type { LayerRecord } from './record.ts';

/** Descriptor of what it is told. */
export const CONTROL = 3;
/** Descriptor of the signs that a file has grown. */
export const SIGNS = 4;

/** The word after the directory: its layer is likely to be compressed. */
export const INFLATING = 'inflating';

/** Which layer it is. */
export interface LayerNames {
  readonly chainId: Digest;
  readonly diffId: Digest;
  readonly link: string;
  readonly compressedSize: number;
}

/** What the worker is told. */
export interface UnpackJob extends LayerNames {
  /** The compressed layer. */
  readonly file: string;
  readonly growing: boolean;
  /** False where nobody knows the digests yet: {@link LayerNames} are told when it asks for them. */
  readonly named: boolean;
  /**
   * The digest of what comes is `diffId`, and who sends it compares that before it ends: there is no need to do so again
   * where nothing has to be inflated.
   */
  readonly checked: boolean;
  readonly parent: Digest | null;
  /** `diff` directories of the layers below, lowest first. */
  readonly lower: readonly string[];
  readonly limits: UnpackLimits;
}

export type WorkerMessage =
  /** The growing file is open. */
  | { readonly kind: 'opened' }
  /** Compressed bytes taken so far. */
  | { readonly kind: 'progress'; readonly bytes: number }
  /** All is made; a line of JSON, {@link LayerNames}, says which layer it is. */
  | { readonly kind: 'unnamed' }
  /** The layers below are needed now; one byte says that they are there. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'done'; readonly record: LayerRecord }
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly message: string; readonly hint?: string | undefined; readonly detail?: string | undefined }
  /** Not the archive's fault. */
  | { readonly kind: 'bug'; readonly stack: string };
