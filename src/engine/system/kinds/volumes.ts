/** Volumes. */
import { existsSync } from 'node:fs';
import { isScullError } from '../../../host/errors.ts';
import { moveToQuarantine } from '../../../storage/quarantine.ts';
import { readVolume, volumeNames } from '../../../storage/volumes.ts';
import { pruneVolumes } from '../../volumes/remove.ts';
import { volumeUsers } from '../../volumes/usage.ts';
import type { CheckRun, KindUsage, StoreKind, UsageCell, UsageSurvey } from '../store-kind.ts';

export const volumeKind: StoreKind = {
  label: 'Local Volumes',
  usage: volumeUsage,
  check: checkVolumes,
  prune: {
    heading: 'Deleted Volumes',
    applies: ({ volumes }) => volumes,
    warning: () => 'all volumes not used by at least one container',
    run: async (engine, { filters }) => {
      const { removed, reclaimed, failed } = await pruneVolumes(engine, { all: true, filters });
      return { names: removed.map(({ name }) => name), bytes: reclaimed, failed };
    },
  },
};

function volumeUsage({ engine, size }: UsageSurvey): KindUsage {
  const users = volumeUsers(engine);
  const usage = { total: 0, active: 0, size: 0, reclaimable: 0 };
  const rows: UsageCell[][] = [];
  for (const name of volumeNames(engine.store)) {
    const bytes = size(engine.store.layout.volume(name).directory);
    const links = users.get(name)?.length ?? 0;
    usage.total += 1;
    usage.size += bytes;
    if (links > 0) usage.active += 1;
    else usage.reclaimable += bytes;
    rows.push([name, String(links), { bytes }]);
  }
  return { ...usage, columns: ['VOLUME NAME', 'LINKS', 'SIZE'], rows };
}

/** Records against their form. What is in a volume is the user's, and nobody's to judge. */
function checkVolumes(run: CheckRun): void {
  const { store } = run.engine;
  const names = volumeNames(store);
  let users: ReturnType<typeof volumeUsers> | undefined;
  for (const name of names) {
    const paths = store.layout.volume(name);
    const object = `volume ${name}`;
    try {
      if (readVolume(store, name) !== undefined && !existsSync(paths.data)) run.found({ object, file: paths.data, what: 'it is missing', remedy: `its content is lost; remove it with \`scull volume rm ${name}\`` });
    } catch (error) {
      if (!isScullError(error)) throw error;
      users ??= volumeUsers(run.engine);
      const containers = (users.get(name) ?? []).map((record) => record.name);
      // Out of its place, the next start of a container would make an empty one.
      if (containers.length > 0) run.found({ object, file: paths.record, what: error.message, remedy: `container ${containers.join(', ')} uses it; its content is whole in ${paths.data}: save it, then remove the volume with \`scull volume rm -f ${name}\`` });
      else run.found({ object, file: paths.record, what: error.message, repair: () => quarantineVolume(store.layout.volume(name).directory) });
    }
  }
  run.looked('volume', names.length);

  function quarantineVolume(directory: string): string {
    const place = moveToQuarantine(store, directory);
    return `put the volume into quarantine as ${place}; its content is in ${place}/_data`;
  }
}
