/** container clone: another container of the same wish, podman-container-clone(1). */
import { ScullError } from '../../host/errors.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { findContainer } from '../../runtime/container-store.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { EMPTY_CONTAINER_SPEC, type ContainerSpec, type ResourceSpec } from '../../spec/container-spec.ts';
import type { Engine } from '../engine.ts';
import { podById } from '../pods/find.ts';
import { createContainer } from './create.ts';
import { removeContainer } from './removal.ts';
import { startContainers } from './start.ts';
import { withNewResources } from './update.ts';
import { wishAgain, withFreeName } from './wish-again.ts';

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
  const pod = record.pod === undefined ? undefined : podById(engine, record.pod.id);
  const wish = pod === undefined ? wishAgain(record) : { ...(await import('../pods/clone.ts')).wishOf(record, pod), pod: pod.name };
  const spec = changed(wish, options);
  const create = (name: string): Promise<ContainerRecord> => createContainer(engine, { ...spec, name }, record.createCommand === undefined ? {} : { createCommand: record.createCommand });
  const clone = options.name === undefined ? await withFreeName(record.name.replace(/-clone\d*$/, ''), create) : await create(options.name);
  if (options.destroy === true) await removeContainer(engine, record, { force: options.force === true });
  if (options.run === true) {
    const [outcome] = await startContainers(engine, { names: [clone.id] });
    if (outcome?.error !== undefined) throw outcome.error;
  }
  return clone.id;
}

function changed(wish: ContainerSpec, { image, pod, resources = {} }: CloneOptions): ContainerSpec {
  return {
    ...(pod === undefined ? wish : { ...withoutNamespaces(wish), pod }),
    ...(image === undefined ? {} : { image, pull: 'missing' as const }),
    resources: withNewResources(wish.resources, resources),
  };
}

/** For a pod, whose namespaces take the place of those that it had. */
function withoutNamespaces({ hostname: _hostname, ...wish }: ContainerSpec): ContainerSpec {
  const { network, namespaces } = EMPTY_CONTAINER_SPEC;
  return { ...wish, network, namespaces };
}
