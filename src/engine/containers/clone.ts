/** container clone: another container of the same wish, podman-container-clone(1). */
import { ScullError } from '../../host/errors.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { findContainer, nameOwner } from '../../runtime/container-store.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { EMPTY_CONTAINER_SPEC, type ContainerSpec, type ResourceSpec } from '../../spec/container-spec.ts';
import type { Engine } from '../engine.ts';
import { podById } from '../pods/find.ts';
import { createContainer } from './create.ts';
import { removeContainer } from './removal.ts';
import { startContainers } from './start.ts';
import { withNewResources } from './update.ts';

export interface CloneOptions {
  /** Unless given NAME-clone, with a number where that is taken. */
  readonly name?: string | undefined;
  /** Instead of the image that it was made from. */
  readonly image?: string | undefined;
  /** Live in this pod. */
  readonly pod?: string | undefined;
  /** What of them is given takes the place of its own. */
  readonly resources?: ResourceSpec;
  /** Remove the original. */
  readonly destroy?: boolean;
  /** Also when it runs. */
  readonly force?: boolean;
  readonly run?: boolean;
}

/**
 * What the original wrote is not copied; named volumes are shared, anonymous ones are new.
 * @returns the id of the clone
 * @throws ScullError NO_SUCH_CONTAINER, NAME_TAKEN, WRONG_STATE for one that is to be destroyed while it runs, and what a create throws
 */
export async function cloneContainer(engine: Engine, nameOrId: string, options: CloneOptions = {}): Promise<string> {
  const record = findContainer(engine.store.layout, nameOrId);
  if (record.pod?.infra === true) throw new ScullError('UNSUPPORTED', `container ${record.name} is the infra container of a pod, which can't be cloned by itself`, { hint: 'clone the containers of the pod into one made with `scull pod create`' });
  if (options.destroy === true && options.force !== true && isRunning(readContainerState(engine.store.layout.container(record.id)))) {
    throw new ScullError('WRONG_STATE', `cannot remove container ${record.name}: it is running`, { hint: 'stop it first, or give --force' });
  }
  const spec = cloneSpec(record, options.name ?? freeName(engine, record.name), options, record.pod === undefined ? undefined : podById(engine, record.pod.id));
  const clone = await createContainer(engine, spec, record.createCommand === undefined ? {} : { createCommand: record.createCommand });
  if (options.destroy === true) await removeContainer(engine, record, { force: options.force === true });
  if (options.run === true) {
    const [outcome] = await startContainers(engine, { names: [clone.id] });
    if (outcome?.error !== undefined) throw outcome.error;
  }
  return clone.id;
}

/** Pure. Files that tell ids or pids were the original's alone. */
export function cloneSpec(record: ContainerRecord, name: string, options: Pick<CloneOptions, 'image' | 'pod' | 'resources'>, pod?: { readonly name: string; readonly hostname: string; readonly infra?: { readonly id: string } }): ContainerSpec {
  const { cidFile: _cidFile, pidFile: _pidFile, monitorPidFile: _monitorPidFile, pod: _pod, ...spec } = pod === undefined ? record.spec : leavingPod(record.spec, pod);
  const into = options.pod ?? pod?.name;
  return {
    ...spec,
    ...(options.pod === undefined ? {} : { network: EMPTY_CONTAINER_SPEC.network, namespaces: EMPTY_CONTAINER_SPEC.namespaces }),
    ...(into === undefined ? {} : { pod: into }),
    name,
    // By its id: its name may be another image's by now.
    ...(record.image === undefined ? {} : { image: record.image.id, pull: 'never' as const }),
    ...(options.image === undefined ? {} : { image: options.image, pull: 'missing' as const }),
    resources: withNewResources(spec.resources, options.resources ?? {}),
  };
}

/** The wish as it was before it was put into its pod (pods/join.ts). */
function leavingPod(spec: ContainerSpec, pod: { readonly hostname: string; readonly infra?: { readonly id: string } }): ContainerSpec {
  const { hostname, ...rest } = spec;
  const ofPod = (wish: { readonly mode: string; readonly container?: string }): boolean => wish.mode === 'container' && wish.container === pod.infra?.id;
  const own = Object.entries(spec.namespaces).filter(([, wish]) => !ofPod(wish));
  return {
    ...rest,
    ...(hostname === undefined || hostname === pod.hostname ? {} : { hostname }),
    namespaces: { ...EMPTY_CONTAINER_SPEC.namespaces, ...Object.fromEntries(own) },
    network: ofPod(spec.network.mode) ? { ...spec.network, mode: EMPTY_CONTAINER_SPEC.network.mode } : spec.network,
  };
}

function freeName(engine: Engine, original: string): string {
  const name = `${original.replace(/-clone\d*$/, '')}-clone`;
  for (let count = 0; ; count++) {
    const wished = count === 0 ? name : `${name}${count}`;
    if (nameOwner(engine.store.layout, wished) === undefined) return wished;
  }
}
