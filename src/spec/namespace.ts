/** --pid, --ipc, --uts and --cgroupns: `private`, `host`, `container:NAME`, `ns:PATH`. */
import { ScullError } from '../host/errors.ts';
import type { NamespaceSpec, SharedNamespaceSpec } from './container-spec.ts';

/**
 * @param option `--pid`, `--uts` or `--cgroupns`, named in errors
 * @throws ScullError INVALID
 */
export function parseNamespace(text: string, option: string): SharedNamespaceSpec {
  const mode = parseShared(text, option);
  if (mode !== undefined) return mode;
  throw invalid(text, option, 'private, host, container:name or ns:path');
}

/** --ipc, which also knows `shareable` and `none`. @throws ScullError INVALID */
export function parseIpcNamespace(text: string): NamespaceSpec['ipc'] {
  if (text === 'shareable' || text === 'none') return { mode: text };
  const mode = parseShared(text, '--ipc');
  if (mode !== undefined) return mode;
  throw invalid(text, '--ipc', 'private, shareable, none, host, container:name or ns:path');
}

/** `container:NAME` and `ns:PATH`, which several options share; undefined for anything else. */
export function parseJoined(text: string, option: string): { readonly mode: 'container'; readonly container: string } | { readonly mode: 'path'; readonly path: string } | undefined {
  if (text.startsWith('container:')) {
    const container = text.slice('container:'.length);
    if (container === '') throw new ScullError('INVALID', `invalid ${option} ${JSON.stringify(text)}: the container's name is missing`);
    return { mode: 'container', container };
  }
  if (text.startsWith('ns:')) {
    const path = text.slice('ns:'.length);
    if (!path.startsWith('/')) throw new ScullError('INVALID', `invalid ${option} ${JSON.stringify(text.slice(0, 200))}: the path must be absolute, for example ns:/proc/1234/ns/net`);
    return { mode: 'path', path };
  }
  return undefined;
}

function parseShared(text: string, option: string): SharedNamespaceSpec | undefined {
  if (text === '' || text === 'private') return { mode: 'private' };
  if (text === 'host') return { mode: 'host' };
  return parseJoined(text, option);
}

function invalid(text: string, option: string, expected: string): ScullError {
  return new ScullError('INVALID', `invalid ${option} ${JSON.stringify(text.slice(0, 100))}: expected ${expected}`, text === 'pod' ? { hint: 'with --pod it is the pod that says what its containers share, with `scull pod create --share`' } : {});
}
