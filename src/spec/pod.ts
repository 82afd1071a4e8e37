/** --share and --exit-policy of `pod create`. */
import { ScullError } from '../host/errors.ts';

const POD_NAMESPACES = ['cgroup', 'ipc', 'net', 'pid', 'user', 'uts'] as const;
export type PodNamespace = (typeof POD_NAMESPACES)[number];
/** What becomes of a pod whose last container has ended. */
export type ExitPolicy = 'continue' | 'stop';

const DEFAULT: readonly PodNamespace[] = ['ipc', 'net', 'uts'];

/** `ipc,net,uts` unless given; `none` or nothing for none; `+pid` for the default and that. @throws ScullError INVALID */
export function parseShare(text: string | undefined): readonly PodNamespace[] {
  if (text === undefined) return DEFAULT;
  if (text === '' || text === 'none') return [];
  const added = text.startsWith('+');
  const words = (added ? text.slice(1) : text).split(',').map((word) => word.trim());
  const known = words.map((word) => {
    const found = POD_NAMESPACES.find((name) => name === (word === 'network' ? 'net' : word));
    if (found === undefined) throw new ScullError('INVALID', `invalid --share ${JSON.stringify(text.slice(0, 100))}: ${JSON.stringify(word.slice(0, 50))} is no namespace that can be shared`, { hint: `it is a list of ${POD_NAMESPACES.join(', ')}, or none` });
    return found;
  });
  return [...new Set([...(added ? DEFAULT : []), ...known])].sort();
}

/** @throws ScullError INVALID */
export function parseExitPolicy(text: string | undefined): ExitPolicy {
  if (text === undefined || text === 'continue') return 'continue';
  if (text === 'stop') return 'stop';
  throw new ScullError('INVALID', `invalid --exit-policy ${JSON.stringify(text.slice(0, 100))}: it is continue or stop`);
}
