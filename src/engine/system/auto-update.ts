/**
 * auto-update: podman-auto-update(1). Containers of units say by the label io.containers.autoupdate that a newer image is to replace
 * theirs; the unit is restarted, which makes the container anew. If it does not come up, the old image gets its name back.
 */
import { isScullError, ScullError } from '../../host/errors.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { lookUpImage } from '../../storage/image-lookup.ts';
import { systemctl } from '../../systemd/systemctl.ts';
import { readContainers } from '../containers/selection.ts';
import type { Engine } from '../engine.ts';
import { inRegistry, pullImage, type PullOptions } from '../images/pull.ts';
import { tagImage } from '../images/tag.ts';

export interface AutoUpdateOptions {
  /** Look only. */
  readonly dryRun: boolean;
  readonly rollback: boolean;
  readonly registry: PullOptions;
}

export interface AutoUpdate {
  readonly unit: string;
  readonly containerId: string;
  readonly containerName: string;
  readonly image: string;
  readonly policy: string;
  readonly updated: 'true' | 'false' | 'pending' | 'rolled back' | 'failed';
  readonly error?: ScullError;
}

const POLICY = 'io.containers.autoupdate';
const UNIT = 'PODMAN_SYSTEMD_UNIT';

/** One after the other, each by itself: a failure is its own. */
export async function autoUpdate(engine: Engine, options: AutoUpdateOptions): Promise<AutoUpdate[]> {
  const results: AutoUpdate[] = [];
  const fetched = new Set<string>();
  for (const record of readContainers(engine)) {
    const policy = record.config.labels[POLICY];
    if (policy === undefined || policy === 'disabled' || !isRunning(readContainerState(engine.store.layout.container(record.id)))) continue;
    const facts = { unit: record.config.labels[UNIT] ?? '', containerId: record.id, containerName: record.name, image: record.image?.name ?? '', policy };
    try {
      results.push({ ...facts, updated: await update(engine, record, policy, options, fetched) });
    } catch (error) {
      if (!isScullError(error)) throw error;
      results.push({ ...facts, updated: 'failed', error });
    }
  }
  return results;
}

async function update(engine: Engine, record: ContainerRecord, policy: string, options: AutoUpdateOptions, fetched: Set<string>): Promise<AutoUpdate['updated']> {
  const unit = record.config.labels[UNIT];
  if (unit === undefined) throw new ScullError('INVALID', `container ${record.name} is no unit's: it has no label ${UNIT}`);
  if (policy !== 'registry' && policy !== 'image' && policy !== 'local') throw new ScullError('INVALID', `container ${record.name} has the unknown policy ${POLICY}=${policy}: it is one of registry, local, disabled`);
  if (record.image === undefined) throw new ScullError('INVALID', `container ${record.name} has no image that could be updated`);
  const { name, id } = record.image;
  if (policy !== 'local') {
    if (!/[./:].*\//.test(name)) throw new ScullError('INVALID', `${name} is not a full name: only those can be asked for in a registry`);
    if (options.dryRun) return (await isNewer(engine, name, options.registry)) ? 'pending' : 'false';
    if (!fetched.has(name)) await pullImage(engine, name, options.registry);
    fetched.add(name);
  }
  const newest = lookUpImage(engine.store, name).image.id;
  if (newest === id) return 'false';
  if (options.dryRun) return 'pending';
  return restart(engine, unit, name, id, options.rollback);
}

/** Asks the registry, and fetches nothing. */
async function isNewer(engine: Engine, name: string, options: PullOptions): Promise<boolean> {
  const { headManifest } = await import('../../registry/manifests.ts');
  const digest = await inRegistry(engine, name, options, (session, _known, there) => headManifest(session, there));
  return digest !== undefined && !lookUpImage(engine.store, name).image.repoDigests.some((known) => known.endsWith(`@${digest}`));
}

async function restart(engine: Engine, unit: string, name: string, before: string, rollback: boolean): Promise<AutoUpdate['updated']> {
  try {
    await systemctl('restart', unit);
    return 'true';
  } catch (error) {
    if (!rollback || !isScullError(error)) throw error;
    await tagImage(engine, before, [name]);
    await systemctl('restart', unit);
    return 'rolled back';
  }
}
