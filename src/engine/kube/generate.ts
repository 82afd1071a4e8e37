/** kube generate: names of pods, containers and volumes → YAML. */
import { statSync } from 'node:fs';
import { isScullError, ScullError } from '../../host/errors.ts';
import { generateClaim, generateDocuments, type GenerateRequest, type KubeKind } from '../../kube/generate.ts';
import { writeYaml } from '../../spec/yaml.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { findContainer } from '../../runtime/container-store.ts';
import type { PodRecord } from '../../storage/pods.ts';
import { readVolume } from '../../storage/volumes.ts';
import type { Engine } from '../engine.ts';
import { findPod } from '../pods/find.ts';
import { othersOf } from '../pods/members.ts';

export interface GenerateOptions {
  readonly kind: KubeKind;
  readonly replicas?: number | undefined;
  readonly service: boolean;
}

/** podman-kube-generate(1). Containers that are in no pod become one together. @throws ScullError NOT_FOUND for a name of nothing, INVALID */
export async function generateKube(engine: Engine, names: readonly string[], options: GenerateOptions): Promise<string> {
  const containers: ContainerRecord[] = [];
  const documents: object[] = [];
  const claims: object[] = [];
  for (const name of names) {
    const found = find(engine, name);
    if (found.type === 'pod') documents.push(...podDocuments(engine, found.pod, options));
    else if (found.type === 'volume') claims.push(generateClaim(found.volume));
    else containers.push(found.container);
  }
  const [first] = containers;
  if (first !== undefined) documents.push(...generateDocuments({ ...options, name: `${first.name}-pod`, shared: first.spec, containers, hostPathKind }));
  return writeYaml([...claims, ...documents]);
}

type Found = { readonly type: 'pod'; readonly pod: PodRecord } | { readonly type: 'volume'; readonly volume: NonNullable<ReturnType<typeof readVolume>> } | { readonly type: 'container'; readonly container: ContainerRecord };

function find(engine: Engine, name: string): Found {
  const attempts = [
    (): Found => ({ type: 'container', container: alone(findContainer(engine.store.layout, name)) }),
    (): Found => ({ type: 'pod', pod: findPod(engine, name) }),
  ];
  for (const attempt of attempts) {
    try {
      return attempt();
    } catch (error) {
      if (!isScullError(error, 'NO_SUCH_CONTAINER', 'NO_SUCH_POD')) throw error;
    }
  }
  const volume = readVolume(engine.store, name);
  if (volume === undefined) throw new ScullError('NOT_FOUND', `there is no container, pod or volume ${JSON.stringify(name.slice(0, 200))}`);
  return { type: 'volume', volume };
}

function alone(container: ContainerRecord): ContainerRecord {
  if (container.pod === undefined) return container;
  throw new ScullError('INVALID', `container ${container.name} is in a pod`, { hint: 'generate the pod as a whole' });
}

function podDocuments(engine: Engine, pod: PodRecord, options: GenerateOptions): object[] {
  const containers = othersOf(engine, pod.id).map(({ record }) => record);
  if (containers.length === 0) throw new ScullError('INVALID', `pod ${pod.name} has no containers`);
  return generateDocuments({ ...options, name: pod.name, pod, shared: pod.infra?.spec ?? (containers[0] as ContainerRecord).spec, containers, hostPathKind });
}

const hostPathKind: GenerateRequest['hostPathKind'] = (path) => {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? 'DirectoryOrCreate' : stat.isDirectory() ? 'Directory' : 'File';
};
