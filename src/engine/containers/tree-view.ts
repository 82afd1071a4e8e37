/** A container's files as directories on disk: what it changed, and all it shows, without mounting anything. */
import { existsSync } from 'node:fs';
import { ScullError } from '../../host/errors.ts';
import { environmentVariable } from '../../host/environment.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { mayHaveDotMarks } from '../../storage/drivers/driver.ts';
import { resolveDriver } from '../../storage/drivers/resolve.ts';
import type { TreeView } from '../../storage/layers/tree-program.ts';
import type { Engine } from '../engine.ts';

/**
 * What a container changed. With vfs, whose containers are whole copies, it has to be found by comparing.
 * @throws ScullError UNSUPPORTED for a container of a plain directory (--rootfs): nobody knows what was there before
 */
export async function changedView(engine: Engine, record: ContainerRecord): Promise<TreeView> {
  const { upper } = engine.store.layout.container(record.id);
  if (record.image === undefined) throw new ScullError('UNSUPPORTED', `container ${record.name} was made of a directory (--rootfs): what it changed there is not known`);
  const below = imageDirectories(engine, record);
  if (isCopy(upper)) return { kind: 'compare', layers: [upper], below, copied: `${upper}.copied` };
  return { kind: 'upper', upper, below, dotMarks: await hasDotMarks(engine, upper) };
}

/** Everything a container shows, but for its mounts. */
export async function wholeView(engine: Engine, record: ContainerRecord): Promise<TreeView & { readonly kind: 'whole' }> {
  const { upper } = engine.store.layout.container(record.id);
  if (record.image === undefined) return { kind: 'whole', layers: [record.spec.rootfs ?? '/nonexistent'] };
  if (isCopy(upper)) return { kind: 'whole', layers: [upper] };
  return { kind: 'whole', layers: [upper, ...imageDirectories(engine, record)], dotMarks: await hasDotMarks(engine, upper) };
}

function imageDirectories(engine: Engine, record: ContainerRecord): string[] {
  return [...(record.image?.layers ?? [])].reverse().map((id) => engine.store.layout.layer(id).diff);
}

/** Whether the driver vfs has made it; says more than the driver's name, which may have been changed since. */
function isCopy(upper: string): boolean {
  return existsSync(`${upper}.copied`);
}

async function hasDotMarks(engine: Engine, upper: string): Promise<boolean> {
  return mayHaveDotMarks(upper) || (await resolveDriver(engine.store)) === 'fuse-overlayfs';
}

/** Made in every root by the runtime or by us, as places for mounts. */
const USUAL_PLACES = ['dev', 'proc', 'sys', 'etc/hosts', 'etc/hostname', 'etc/resolv.conf', 'etc/localtime', 'run/.containerenv'];

/** Paths, without leading slash, that may be there only because something was mounted on them; and the folders above. */
export function mountPlaces(record: ContainerRecord): string[] {
  const targets = [...USUAL_PLACES, ...record.config.mounts.map((mount) => mount.target), ...(record.spec.secrets ?? []).map((secret) => `run/secrets/${secret.source}`)];
  const places = new Set<string>();
  for (const target of targets) {
    const parts = target.split('/').filter((part) => part !== '');
    for (let depth = 1; depth <= parts.length; depth++) places.add(parts.slice(0, depth).join('/'));
  }
  return [...places].sort();
}

/** SOURCE_DATE_EPOCH: seconds since 1970 that no time of a reproducible archive may exceed. @throws ScullError INVALID */
export function sourceDateEpoch(): number | undefined {
  const text = environmentVariable('SOURCE_DATE_EPOCH');
  if (text === undefined) return undefined;
  if (!/^[0-9]{1,15}$/.test(text)) throw new ScullError('INVALID', `SOURCE_DATE_EPOCH is ${JSON.stringify(text)}, which is no number of seconds since 1970`);
  return Number(text);
}
