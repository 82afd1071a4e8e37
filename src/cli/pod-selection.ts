/** Which pods a command is about, from its words and flags: names, --all, --latest, --pod-id-file. */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { PodSelection } from '../engine/pods/selection.ts';
import { ScullError } from '../host/errors.ts';
import { readTextIfPresent } from '../host/files.ts';

export const podArgs = { pod: Args.string({ description: 'Name or id', multiple: true }) };
export const podSelectionFlags = {
  all: Flags.boolean({ char: 'a', description: 'All pods' }),
  latest: Flags.boolean({ char: 'l', description: 'The pod made last' }),
};
export const podIdFileFlag = Flags.string({ description: 'Take a pod id from the first line of this file', helpValue: 'file', multiple: true });
export const podIgnoreFlag = Flags.boolean({ char: 'i', description: 'A pod that does not exist is no error' });

/** @throws ScullError USAGE when nothing is named, or more than one way; NOT_FOUND for a missing file */
export function readPodSelection(words: readonly string[], flags: { readonly all?: boolean; readonly latest?: boolean; readonly ignore?: boolean; readonly 'pod-id-file'?: readonly string[] }): PodSelection {
  const files = flags['pod-id-file'] ?? [];
  const { all = false, latest = false, ignore = false } = flags;
  const ways = [all, latest, words.length + files.length > 0].filter(Boolean).length;
  if (ways > 1) throw new ScullError('USAGE', 'names of pods, --all and --latest cannot be used together');
  if (ways === 0) throw new ScullError('USAGE', 'the name or id of a pod is missing');
  const ids = files.flatMap((path) => {
    const text = readTextIfPresent(path);
    if (text === undefined && ignore) return [];
    if (text === undefined) throw new ScullError('NOT_FOUND', `there is no --pod-id-file ${JSON.stringify(path)}`);
    return [text.split('\n', 1)[0]?.trim() ?? ''];
  });
  return { names: [...words, ...ids], all, latest, ignore };
}
