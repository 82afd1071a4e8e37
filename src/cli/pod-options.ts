/** From the flags of `pod create` to what the pod is to be: what it has in common with containers goes through their flags. */
import { resolve } from 'node:path';
import type { Interfaces } from '@oclif/core';
import type { PodRequest } from '../engine/pods/create.ts';
import { ScullError } from '../host/errors.ts';
import { parseName } from '../spec/name.ts';
import { parseExitPolicy, parseShare } from '../spec/pod.ts';
import { containerSpec } from './container-spec-flags.ts';
import type { podFlags } from './flags/pod.ts';
import type { FlagToken } from './parse.ts';

export type PodFlags = Partial<Interfaces.InferredFlags<typeof podFlags>>;

/** @param words at most one: the name @throws ScullError USAGE, INVALID, UNSUPPORTED, as for `run` */
export async function podRequest(flags: PodFlags, words: readonly string[], tokens: readonly FlagToken[]): Promise<PodRequest> {
  if (words.length > 1) throw new ScullError('USAGE', 'a pod has one name');
  if (words.length === 1 && flags.name !== undefined) throw new ScullError('USAGE', '--name and a name as the last word cannot be used together');
  const name = flags.name ?? words[0];
  const share = parseShare(flags.share);
  // Without anything to share there is nothing to keep.
  const infra = flags.infra !== false && !(share.length === 0 && flags['infra-name'] === undefined && flags.publish === undefined);
  const shared = await containerSpec({ ...flags, name: undefined, 'pod-id-file': undefined } as Parameters<typeof containerSpec>[0], ['infra'], tokens);
  const pidFile = flags['infra-conmon-pidfile'];
  return {
    ...(name === undefined ? {} : { name: parseName(name, 'pod') }),
    infra,
    ...(flags['infra-name'] === undefined ? {} : { infraName: parseName(flags['infra-name'], 'container') }),
    share: !infra && flags.share === undefined ? [] : share,
    exitPolicy: parseExitPolicy(flags['exit-policy']),
    spec: { ...shared, ...(pidFile === undefined ? {} : { monitorPidFile: resolve(process.cwd(), pidFile) }) },
  };
}
