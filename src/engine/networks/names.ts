/** Containers' names, as aardvark-dns tells them: worked out from what is plugged in. */
import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readTextIfPresent } from '../../host/files.ts';
import { hasNameServer, nameServer, serveNames } from '../../network/drivers/switch.ts';
import { nameFile } from '../../network/name-server.ts';
import { outlivingWords } from '../../runtime/cgroups.ts';
import { withLock } from '../../storage/locks.ts';
import { isNetworkName } from '../../storage/networks.ts';
import type { Engine } from '../engine.ts';
import { allNetworks } from './find.ts';
import { pluggedIn } from './plugged-in.ts';
import type { Engaged } from './switch.ts';

/**
 * Brings aardvark-dns up to date, and starts it where it is needed.
 * @param always also when nothing has changed: to start it again, or because of another resolv.conf
 */
export async function publishNames(engine: Engine, { paths, holder }: Omit<Engaged, 'leave'>, always = false): Promise<void> {
  if (!hasNameServer()) return;
  await withLock(engine.store, 'network-names', async () => {
    const containers = pluggedIn(engine).map(({ record, attachments, dns }) => ({ id: record.id, name: record.name, attachments, dns }));
    const wanted = new Map(allNetworks(engine).flatMap((network): [string, string][] => {
      const text = nameFile(network, containers);
      return text === undefined ? [] : [[network.name, text]];
    }));
    const changed = writeNames(paths.names, wanted);
    const running = nameServer(paths) !== undefined;
    if (wanted.size === 0 ? running && changed : always || changed || !running) await serveNames(paths, holder, outlivingWords());
  });
}

/** One file per network, each replaced as a whole. @returns whether any is another now */
function writeNames(directory: string, wanted: ReadonlyMap<string, string>): boolean {
  let changed = false;
  for (const file of readdirSync(directory)) {
    if (file === PID_FILE || wanted.has(file) || !isNetworkName(file)) continue;
    rmSync(join(directory, file));
    changed = true;
  }
  for (const [name, text] of wanted) {
    const path = join(directory, name);
    if (readTextIfPresent(path) === text) continue;
    // Not in the folder: every file there is a network's.
    const beside = `${directory}.new`;
    writeFileSync(beside, text, { mode: 0o600 });
    renameSync(beside, path);
    changed = true;
  }
  return changed;
}

const PID_FILE = 'aardvark.pid';
