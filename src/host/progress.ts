/** Progress as typed events: the engine emits, the command line (or an API) renders. */

export type ProgressEvent =
  /** A name was resolved, e.g. `debian` → `docker.io/library/debian:latest`. */
  | { readonly kind: 'resolved'; readonly name: string; readonly reference: string }
  /** Work on one thing (a layer, a config) begins; `id` names it in later events. */
  | { readonly kind: 'start'; readonly id: string; readonly what: 'layer' | 'config' | 'manifest' | 'volume'; readonly total?: number }
  | { readonly kind: 'bytes'; readonly id: string; readonly phase: 'download' | 'unpack' | 'compress' | 'upload'; readonly done: number; readonly total?: number }
  | { readonly kind: 'done'; readonly id: string; readonly result: 'ok' | 'exists' | 'compressed' }
  /** Something the user should read. */
  | { readonly kind: 'message'; readonly level: 'info' | 'warning'; readonly text: string };

export interface Progress {
  (event: ProgressEvent): void;
  /** Whether bytes are shown on their way, as on a terminal: where that costs something, nobody else pays it. */
  isWatched?(): Promise<boolean>;
}
