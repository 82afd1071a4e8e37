/**
 * A kind of thing that the store keeps: images, containers, volumes … `system df`, `system prune` and `system check` go through
 * a table of them (kinds.ts) and know nothing else, so a new kind is one file below kinds/ and one line there.
 */
import type { ScullError } from '../../host/errors.ts';
import type { StoredImage } from '../../storage/image-types.ts';
import type { Engine } from '../engine.ts';

export interface StoreKind {
  /** What `system df` calls it. */
  readonly label: string;
  usage?(survey: UsageSurvey): KindUsage | Promise<KindUsage>;
  /** Looks at everything of this kind and tells {@link CheckRun.found} of each thing that is not as it was written. */
  check?(run: CheckRun): void | Promise<void>;
  readonly prune?: KindPrune;
}

/** The sizes of the whole store, taken by one look at the disk. */
export interface UsageSurvey {
  readonly engine: Engine;
  /** Bytes on disk of a directory of the store, at most three levels below its root, as du(1) counts; 0 where there is none. */
  size(directory: string): number;
}

export interface KindUsage {
  /** How many there are, and how many of these are used or run. */
  readonly total: number;
  readonly active: number;
  /** Bytes on disk. Of all kinds together, and what belongs to none, du(1) sees the sum. */
  readonly size: number;
  /** Bytes that pruning this kind, with --all, sets free. */
  readonly reclaimable: number;
  /** What `system df -v` lists, with one cell for each column. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly UsageCell[])[];
}

/** Text, a size, or a time that is told as a span. */
export type UsageCell = string | { readonly bytes: number } | { readonly since: string };

export interface CheckRun {
  readonly engine: Engine;
  /** Leaves out what reads contents: records, names and sizes only. */
  readonly quick: boolean;
  found(problem: Problem): void;
  /** Says how many were looked at, by the singular: `blob`. */
  looked(what: string, count: number, bytes?: number): void;
}

export interface Problem {
  /** What is broken by it for the user: `image docker.io/library/alpine:latest`, `container web`. */
  readonly object: string;
  /** The damaged or missing file. */
  readonly file: string;
  readonly what: string;
  /**
   * Puts it right, or out of use, and tells what was done.
   * @throws ScullError when it can't: then it stays as it is
   */
  readonly repair?: () => string | Promise<string>;
  /** What the user can do where there is no repair. */
  readonly remedy?: string;
}

export interface PruneOptions {
  /** What is only unused now, too: images with a name, build cache … */
  readonly all: boolean;
  readonly volumes: boolean;
  /** `until` in seconds since 1970, `label`, `label!`. */
  readonly filters: Readonly<Record<string, readonly string[]>>;
  /** What the filters mean for images. */
  readonly whereImage?: ((image: StoredImage) => boolean) | undefined;
}

export interface Pruned {
  readonly names: readonly string[];
  /** Bytes on disk that are free now. */
  readonly bytes: number;
  /** Why some of it could not be removed. */
  readonly failed?: readonly ScullError[];
}

export interface KindPrune {
  /** Over the names of those removed: `Deleted Containers`. */
  readonly heading: string;
  /** False where these options leave the kind alone. */
  applies?(options: PruneOptions): boolean;
  /** What the question says will be removed; undefined for what nobody would miss. */
  warning(options: PruneOptions): string | undefined;
  run(engine: Engine, options: PruneOptions): Promise<Pruned>;
}
