/** What the volumes of a pod need before its containers are made: volumes that end with the pod, and paths of the host. */
import { closeSync, mkdirSync, openSync, statSync, writeFileSync, chmodSync, type Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describeErrno } from '../../host/errno.ts';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { explainWriteFailure } from '../../host/files.ts';
import type { Claim } from '../../kube/documents.ts';
import { podVolumeName } from '../../kube/plan.ts';
import type { KubePod } from '../../kube/pod.ts';
import { projectedFiles, type KubeVolume } from '../../kube/volume.ts';
import { readVolume } from '../../storage/volumes.ts';
import type { Engine } from '../engine.ts';
import { createPodVolume, createVolume } from '../volumes/create.ts';
import { volumeDirectory } from '../volumes/archive.ts';
import { removeVolumes } from '../volumes/remove.ts';

/** @returns the name of a volume, made where it was missing @throws ScullError INVALID, UNSUPPORTED */
export async function keepClaim(engine: Engine, claim: Claim): Promise<string> {
  const { name, labels, options, driver, uid, gid, importFrom } = claim;
  const isNew = readVolume(engine.store, name) === undefined;
  await createVolume(engine, { name, labels, options, ignore: true, ...(driver === undefined ? {} : { driver }), ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) });
  if (importFrom === undefined || !isNew) return name;
  try {
    await (await import('../volumes/archive.ts')).importVolume(engine, name, importFrom);
  } catch (error) {
    await removeVolumes(engine, { names: [name], ignore: true });
    throw error;
  }
  return name;
}

/**
 * Makes what the pod's containers mount of these.
 * @param contents of a ConfigMap or secret; undefined for one that is not there
 * @throws ScullError NOT_FOUND, INVALID, NAME_TAKEN
 */
export async function prepareVolumes(engine: Engine, pod: KubePod, contents: (volume: KubeVolume) => Readonly<Record<string, Buffer>> | undefined): Promise<void> {
  const mounted = new Set([...pod.initContainers, ...pod.containers].flatMap(({ mounts }) => mounts.map(({ volume }) => volume)));
  for (const volume of pod.volumes) {
    if (!mounted.has(volume.name)) continue;
    if (volume.type === 'hostPath') prepareHostPath(volume.path, volume.kind);
    if (volume.type === 'emptyDir') await makeEmpty(engine, pod, volume);
    if (volume.type !== 'configMap' && volume.type !== 'secret') continue;
    const data = contents(volume);
    if (data === undefined) continue;
    const files = projectedFiles(volume, data);
    const directory = await makeEmpty(engine, pod, volume);
    try {
      for (const { path, content, mode } of files) {
        mkdirSync(dirname(join(directory, path)), { recursive: true, mode: 0o755 });
        writeFileSync(join(directory, path), content, { mode: 0o600, flag: 'wx' });
        chmodSync(join(directory, path), mode); // whatever the umask is
      }
    } catch (error) {
      throw explainWriteFailure(error, directory);
    }
  }
}

/** A volume that goes with the pod's last container. One that a killed command left goes first. @returns its directory, without anything in it */
async function makeEmpty(engine: Engine, pod: KubePod, volume: KubeVolume): Promise<string> {
  const name = podVolumeName(pod, volume);
  if (readVolume(engine.store, name)?.anonymous === true) {
    const [outcome] = await removeVolumes(engine, { names: [name], ignore: true });
    if (outcome?.error !== undefined) throw outcome.error;
  }
  await createPodVolume(engine, name);
  return volumeDirectory(engine, name);
}

/** Volumes of a pod that has no containers (any more). */
export async function discardVolumes(engine: Engine, pod: KubePod): Promise<void> {
  const names = pod.volumes.filter(({ type }) => type === 'emptyDir' || type === 'configMap' || type === 'secret').map((volume) => podVolumeName(pod, volume));
  await removeVolumes(engine, { names: names.filter((name) => readVolume(engine.store, name)?.anonymous === true), ignore: true });
}

const TYPES: Readonly<Record<string, readonly [word: string, is: (stat: Stats) => boolean]>> = {
  Directory: ['directory', (stat) => stat.isDirectory()],
  DirectoryOrCreate: ['directory', (stat) => stat.isDirectory()],
  File: ['file', (stat) => stat.isFile()],
  FileOrCreate: ['file', (stat) => stat.isFile()],
  Socket: ['socket', (stat) => stat.isSocket()],
  CharDevice: ['character device', (stat) => stat.isCharacterDevice()],
  BlockDevice: ['block device', (stat) => stat.isBlockDevice()],
};

function prepareHostPath(path: string, kind: string): void {
  if (!path.includes('/') && kind === '') return; // the name of a volume
  const full = resolve(path);
  try {
    if (kind === 'DirectoryOrCreate') mkdirSync(full, { recursive: true, mode: 0o755 });
    if (kind === 'FileOrCreate') closeSync(openSync(full, 'a', 0o644));
    const type = TYPES[kind];
    if (type !== undefined && !type[1](statSync(full))) throw new ScullError('INVALID', `the hostPath ${JSON.stringify(path)} is no ${type[0]}`);
  } catch (cause) {
    if (cause instanceof ScullError) throw cause;
    throw new ScullError(errnoOf(cause) === 'ENOENT' ? 'NOT_FOUND' : 'PERMISSION', `cannot use the hostPath ${JSON.stringify(path)}: ${describeErrno(cause)}`, { cause });
  }
}
