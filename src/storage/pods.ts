/**
 * Pods on disk: one file each, pods/<name>. It comes into being by link(2), which fails where the name is taken, so there is never half of
 * one and no lock is needed. Which containers are in a pod stand in their own records; its status is worked out from theirs.
 */
import { linkSync, unlinkSync } from 'node:fs';
import { crashPoint } from '../host/crash-point.ts';
import { errnoOf, ScullError } from '../host/errors.ts';
import { ensurePrivateDirectory, explainWriteFailure, namesIn, readJson, syncDirectory, writeJsonAtomic } from '../host/files.ts';
import { specFault } from '../spec/container-shape.ts';
import type { ContainerSpec, ResourceSpec } from '../spec/container-spec.ts';
import type { ExitPolicy, PodNamespace } from '../spec/pod.ts';
import { makingRoom } from './ballast.ts';
import { createStaging } from './staging.ts';
import type { Store } from './store.ts';

export const POD_FORMAT = 1;

export interface PodRecord {
  readonly format: typeof POD_FORMAT;
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  /** RFC 3339, UTC. */
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly hostname: string;
  readonly exitPolicy: ExitPolicy;
  /** Namespaces of the infra container that members get; empty without one. */
  readonly share: readonly PodNamespace[];
  /** The container that keeps them: what it is made from, so that it can be made again. */
  readonly infra?: { readonly id: string; readonly name: string; readonly spec: ContainerSpec };
  /** The service container (engine/pods/service.ts) that lives as long as one of the pods that name it, and what its exit status is to tell of their containers'. */
  readonly service?: { readonly id: string; readonly exitCode: 'none' | 'any' | 'all' };
  /** Limits of all its containers together, if any. */
  readonly resources?: ResourceSpec;
  /** What every member gets unless it says otherwise. */
  readonly members: Pick<ContainerSpec, 'mounts' | 'volumesFrom' | 'devices' | 'cdiDevices' | 'restart'>;
  /** The words of the command line. */
  readonly createCommand?: readonly string[];
}

/** Docker's rule for names of containers, kept for pods. */
function isPodName(name: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,250}$/.test(name);
}

/** Makes a pod exist. @throws ScullError INVALID, NAME_TAKEN, NO_SPACE, PERMISSION */
export async function writePod(store: Store, record: PodRecord): Promise<void> {
  if (!isPodName(record.name)) throw new ScullError('INVALID', `invalid pod name ${JSON.stringify(record.name.slice(0, 200))}: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*`);
  const path = store.layout.pod(record.name);
  ensurePrivateDirectory(store.layout.pods);
  const staging = createStaging(store);
  try {
    const file = staging.path('pod');
    writeJsonAtomic(file, record);
    crashPoint('pod:written');
    linkSync(file, path);
    syncDirectory(store.layout.pods);
    crashPoint('pod:named');
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw explainWriteFailure(error, path);
    throw new ScullError('NAME_TAKEN', `the pod name ${JSON.stringify(record.name)} is already in use`, { hint: `use another name, remove that pod with \`scull pod rm ${record.name}\`, or replace it with --replace` });
  } finally {
    await staging.remove();
  }
}

/** Names of all pods, sorted. */
export function podNames(store: Store): string[] {
  return namesIn(store.layout.pods).filter(isPodName).sort();
}

/** @returns undefined when there is no such pod @throws ScullError CORRUPT naming the file */
export function readPod(store: Store, name: string): PodRecord | undefined {
  if (!isPodName(name)) return undefined;
  const path = store.layout.pod(name);
  const value = readJson(path);
  if (value === undefined) return undefined;
  const record = (typeof value === 'object' ? value : null) as Partial<PodRecord> | null;
  if (record !== null && typeof record.format === 'number' && record.format > POD_FORMAT) throw new ScullError('UNSUPPORTED', `the pod ${JSON.stringify(name)} was made by a newer scull (format ${record.format})`);
  if (record === null || !isSound(record, name)) {
    throw new ScullError('CORRUPT', `the record ${path} is damaged: it does not describe the pod`, { hint: `remove it with \`scull pod rm -f ${name}\`` });
  }
  return record as PodRecord;
}

function isSound(record: Partial<PodRecord>, name: string): boolean {
  const { id, infra, members, resources, service } = record;
  const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
  return (
    record.format === POD_FORMAT && record.name === name && typeof id === 'string' && /^[0-9a-f]{64}$/.test(id) && typeof record.created === 'string' && typeof record.hostname === 'string' &&
    isObject(record.labels) && Array.isArray(record.share) && (record.exitPolicy === 'stop' || record.exitPolicy === 'continue') &&
    isObject(members) && [members?.mounts, members?.volumesFrom, members?.devices, members?.cdiDevices ?? []].every(Array.isArray) &&
    (resources === undefined || isObject(resources)) &&
    (service === undefined || (isObject(service) && /^[0-9a-f]{64}$/.test(service.id) && ['none', 'any', 'all'].includes(service.exitCode))) &&
    (infra === undefined || (isObject(infra) && /^[0-9a-f]{64}$/.test(infra.id) && typeof infra.name === 'string' && infra.spec !== undefined && specFault(infra.spec) === undefined))
  );
}

/**
 * Ends a pod's existence, unless its name is another's by now.
 * @param id undefined for one whose record is damaged
 */
export async function removePodFile(store: Store, name: string, id: string | undefined): Promise<boolean> {
  const { withLock } = await import('./locks.ts');
  // Two that remove and one that makes it anew: the second must not remove the new one.
  return makingRoom(store, () => withLock(store, 'pods', () => {
    if (id !== undefined && readPod(store, name)?.id !== id) return false;
    try {
      unlinkSync(store.layout.pod(name));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw explainWriteFailure(error, store.layout.pod(name));
    }
    crashPoint('pod:removed');
    return true;
  }));
}
