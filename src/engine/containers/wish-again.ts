/** What clones of containers and of pods begin with: the same wish, under a name that is free. */
import { isScullError } from '../../host/errors.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import type { ContainerSpec } from '../../spec/container-spec.ts';

/**
 * What a container was asked to be, for another one. Its image goes by the id, for the name may be another image's by now; files that
 * tell ids or pids are the first one's alone. Pure.
 */
export function wishAgain({ spec, image }: Pick<ContainerRecord, 'spec' | 'image'>): ContainerSpec {
  const { cidFile: _cidFile, pidFile: _pidFile, monitorPidFile: _monitorPidFile, ...wish } = spec;
  return image === undefined ? wish : { ...wish, image: image.id, pull: 'never' };
}

/** `web-clone`, `web-clone1`, `web-clone2` …: the first that nobody has. */
export async function withFreeName<T>(name: string, make: (name: string) => Promise<T>): Promise<T> {
  for (let n = 0; ; n++) {
    try {
      return await make(`${name}-clone${n === 0 ? '' : n}`);
    } catch (error) {
      if (!isScullError(error, 'NAME_TAKEN') || n > 1000) throw error;
    }
  }
}
