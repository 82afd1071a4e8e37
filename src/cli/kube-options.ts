/** From the flags of `kube play` to what every pod is to have besides what its document says. */
import type { Interfaces } from '@oclif/core';
import type { PlayOptions } from '../engine/kube/play.ts';
import { ScullError } from '../host/errors.ts';
import type { ConfigMap } from '../kube/documents.ts';
import type { PodWishes } from '../kube/plan.ts';
import { parseLog } from '../spec/log.ts';
import { parseNetworks } from '../spec/network.ts';
import { parsePort } from '../spec/port.ts';
import type { kubePlayFlags } from './flags/kube.ts';

export type KubePlayFlags = Partial<Interfaces.InferredFlags<typeof kubePlayFlags>>;

/** @throws ScullError USAGE, INVALID */
export function podWishes(flags: KubePlayFlags): PlayOptions['wishes'] {
  const common = {
    publish: (flags.publish ?? []).map(parsePort),
    publishAll: flags['publish-all'] ?? false,
    noHosts: flags['no-hosts'] ?? false,
    noHostname: flags['no-hostname'] ?? false,
    noPodPrefix: flags['no-pod-prefix'] ?? false,
    log: parseLog(flags['log-driver'], flags['log-opt'] ?? [], process.cwd()),
    ...(flags.userns === undefined ? {} : { userns: flags.userns }),
  };
  return (index): PodWishes => {
    const [ipv4, mac] = [flags.ip?.[index], flags['mac-address']?.[index]];
    const isGiven = (flags.network ?? []).length > 0 || ipv4 !== undefined || mac !== undefined;
    return { ...common, network: isGiven ? parseNetworks(flags.network ?? [], { ipv4, mac, aliases: [] }) : undefined };
  };
}

/** @throws ScullError INVALID */
export function exitCodePropagation(text: string | undefined): 'none' | 'any' | 'all' {
  if (text === undefined || text === '' || text === 'none') return 'none';
  if (text === 'any' || text === 'all') return text;
  throw new ScullError('INVALID', `invalid --service-exit-code-propagation ${JSON.stringify(text)}: it is one of none, any, all`);
}

/** Files of --configmap; several may be in one word, with commas. @throws ScullError NOT_FOUND, INVALID */
export async function readConfigMapFiles(words: readonly string[]): Promise<ConfigMap[]> {
  const paths = words.flatMap((word) => word.split(',')).filter((path) => path !== '');
  if (paths.length === 0) return [];
  const [{ readKubeSource }, { readConfigMaps }, { inputStream }] = await Promise.all([import('../engine/kube/source.ts'), import('../kube/documents.ts'), import('./input.ts')]);
  const maps = await Promise.all(paths.map(async (path) => readConfigMaps((await readKubeSource([path], inputStream)).values, path)));
  return maps.flat();
}
