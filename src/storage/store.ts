/** A store that a command works on: where it is and how it is set. Opened once per command by the engine. */
import type { StoreLayout } from './layout.ts';

export type DriverName = 'overlay' | 'fuse-overlayfs' | 'vfs';

export interface Store {
  readonly layout: StoreLayout;
  /** `auto` is resolved when first needed, see drivers/. */
  readonly driver: DriverName | 'auto';
}
