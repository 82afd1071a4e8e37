/** --rootfs. */
import { posix } from 'node:path';
import { idmapNeedsRoot } from './mount-options.ts';

/**
 * A directory of the host, relative to `cwd`, and perhaps `:O`, podman-run(1) --rootfs. Any other colon is part of its name.
 * @throws ScullError UNSUPPORTED for `:idmap`
 */
export function parseRootfs(text: string, cwd: string): { readonly rootfs: string; readonly rootfsOverlay?: true } {
  if (/:idmap(=[^/]*)?$/.test(text)) throw idmapNeedsRoot();
  return text.endsWith(':O') ? { rootfs: posix.resolve(cwd, text.slice(0, -2)), rootfsOverlay: true } : { rootfs: posix.resolve(cwd, text) };
}
