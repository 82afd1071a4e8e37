/** Flags of the commands that connect the caller's terminal or pipes to a container. */
import { list, text, toggle } from './declare.ts';
import { ScullError } from '../../host/errors.ts';

const ATTACH = 'attach';

export const detachKeysFlag = text(ATTACH, 'keys', 'Keys that detach and leave the container running (default ctrl-p,ctrl-q); "" is none');

export const sigProxyFlag = toggle(ATTACH, 'Pass signals on to the container (default true)', { default: true });

/** Run, create and start. */
export const attachFlags = {
  attach: list(ATTACH, 'stream', 'Connect to stdin, stdout or stderr only', { char: 'a' }),
  'detach-keys': detachKeysFlag,
  'sig-proxy': sigProxyFlag,
};

export type Stream = 'stdin' | 'stdout' | 'stderr';

/** Values of `--attach`, in any case. @throws ScullError USAGE */
export function parseStreams(values: readonly string[] | undefined): readonly Stream[] | undefined {
  return values?.map((value) => {
    const stream = value.toLowerCase();
    if (stream !== 'stdin' && stream !== 'stdout' && stream !== 'stderr') {
      throw new ScullError('USAGE', `invalid argument "${value}" for "-a, --attach" flag: it is one of stdin, stdout, stderr`);
    }
    return stream;
  });
}
