/** kube down: what `kube play` made of the same documents is stopped and removed. */
import type { ScullError } from '../../host/errors.ts';
import type { KubeDocuments } from '../../kube/documents.ts';
import { readContainer } from '../../runtime/container-store.ts';
import { readPod } from '../../storage/pods.ts';
import { removeContainer } from '../containers/removal.ts';
import type { Outcome } from '../containers/selection.ts';
import type { Engine } from '../engine.ts';
import { stopPods } from '../pods/lifecycle.ts';
import { removePods } from '../pods/remove.ts';
import { removeSecrets } from '../secrets/remove.ts';
import { removeVolumes } from '../volumes/remove.ts';
import { discardVolumes } from './volumes.ts';

export interface DownReport {
  readonly stopped: readonly Outcome[];
  readonly removed: readonly Outcome[];
  readonly secrets: readonly { readonly name: string; readonly error?: ScullError }[];
  readonly volumes: readonly { readonly name: string; readonly error?: ScullError }[];
}

/** podman-kube-down(1): what is not there is no error. @param force volumes of claims go too */
export async function downKube(engine: Engine, documents: KubeDocuments, force: boolean): Promise<DownReport> {
  const names = documents.pods.map(({ name }) => name);
  const services = new Set(names.flatMap((name) => readPod(engine.store, name)?.service?.id ?? []));
  const stopped = await stopPods(engine, { names, ignore: true });
  const removed = await removePods(engine, { names, ignore: true, force: true });
  for (const pod of documents.pods) await discardVolumes(engine, pod); // a killed command left them
  for (const id of services) {
    const record = readContainer(engine.store.layout, id);
    if (record !== undefined) await removeContainer(engine, record, { force: true });
  }
  const secrets = removeSecrets(engine, documents.secrets.map(({ name }) => name), { ignore: true });
  const claims = [...documents.claims.map(({ name }) => name), ...documents.pods.flatMap(({ volumes }) => volumes.flatMap((volume) => (volume.type === 'claim' ? [volume.claim] : [])))];
  const volumes = force ? await removeVolumes(engine, { names: [...new Set(claims)], ignore: true }) : [];
  return { stopped, removed, secrets, volumes };
}
