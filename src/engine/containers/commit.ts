/** `commit`: an image out of a container. Its changes become one layer on top of the image it was made from. */
import { ScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory } from '../../host/files.ts';
import type { HistoryEntry, ImageConfig, ImageRuntimeConfig } from '../../oci/image.ts';
import { hostPlatform } from '../../oci/platform.ts';
import { formatReference, localReference } from '../../oci/reference.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { findContainer } from '../../runtime/container-store.ts';
import { readContainerState } from '../../runtime/lifecycle.ts';
import { withVariables } from '../../spec/environment.ts';
import { admitPacked } from '../../storage/admit-packed.ts';
import { discardLeftovers } from '../../storage/garbage.ts';
import { lookUpImage } from '../../storage/image-lookup.ts';
import type { ImageRecord } from '../../storage/image-types.ts';
import { packLayer } from '../../storage/layers/pack.ts';
import { createStaging, sweepStaging } from '../../storage/staging.ts';
import type { Engine } from '../engine.ts';
import { recordContainerEvent } from '../events/record.ts';
import { applyChanges } from '../images/changes.ts';
import { changedView, mountPlaces, sourceDateEpoch, wholeView } from './tree-view.ts';

export interface CommitOptions {
  /** Name for the image; a short one becomes `localhost/…`. */
  readonly name?: string | undefined;
  readonly author?: string | undefined;
  /** Containerfile instructions, see images/changes.ts. */
  readonly changes?: readonly string[];
  readonly message?: string | undefined;
  /** Freeze the container meanwhile. */
  readonly pause?: boolean;
  /** One layer with everything, on top of nothing. */
  readonly squash?: boolean;
  readonly format?: 'oci' | 'docker';
  /** The container's volumes become volumes of the image. */
  readonly includeVolumes?: boolean;
}

/**
 * Makes an image of a container, running or not.
 * @throws ScullError NO_SUCH_CONTAINER, INVALID (a bad name or change), NO_SPACE; NO_SUCH_IMAGE when the container's image is
 * gone; UNSUPPORTED for a container of a plain directory unless squashed, and for a pause without cgroups
 */
export async function commitContainer(engine: Engine, nameOrId: string, options: CommitOptions = {}): Promise<ImageRecord> {
  const record = findContainer(engine.store.layout, nameOrId);
  const names = options.name === undefined ? [] : [formatReference(localReference(options.name))];
  const image = imageOf(engine, record, options.squash === true);
  const runtime = applyChanges(runtimeConfig(record, image?.config.config ?? {}, options.includeVolumes === true), options.changes ?? []);
  const epoch = sourceDateEpoch();
  ensurePrivateDirectory(engine.store.layout.root);
  await sweepStaging(engine.store);
  const staging = createStaging(engine.store);
  try {
    const view = options.squash === true ? await wholeView(engine, record) : await changedView(engine, record);
    const layer = await whilePaused(engine, record, options.pause === true, () =>
      packLayer(staging, { view, leaveOut: mountPlaces(record), compression: 'gzip', clampTo: epoch, progress: engine.progress }),
    );
    const empty = layer.contents.entries === 0;
    const created = (epoch === undefined ? new Date() : new Date(epoch * 1000)).toISOString();
    const parent = options.squash === true ? undefined : image;
    const made = await admitPacked(engine.store, staging, {
      parent,
      layer: empty ? undefined : layer,
      config: imageConfig(image, parent, runtime, historyEntry(record, created, empty, options), options.author),
      names,
      format: options.format ?? 'oci',
      progress: engine.progress,
    });
    recordContainerEvent(engine, record, 'commit');
    return made;
  } catch (error) {
    await staging.remove();
    await discardLeftovers(engine.store);
    throw error;
  } finally {
    await staging.remove();
  }
}

/** Undefined only for a container of a plain directory. */
function imageOf(engine: Engine, record: ContainerRecord, squash: boolean): ImageRecord | undefined {
  if (record.image === undefined) {
    if (squash) return undefined;
    throw new ScullError('UNSUPPORTED', `container ${record.name} was made of a directory (--rootfs), not of an image that a layer could go on`, { hint: 'commit all of it with --squash' });
  }
  return lookUpImage(engine.store, record.image.id).image;
}

/** The image's configuration as the container's command line changed it. */
function runtimeConfig(record: ContainerRecord, image: ImageRuntimeConfig, includeVolumes: boolean): ImageRuntimeConfig {
  const { spec, config } = record;
  const volumes = includeVolumes ? config.mounts.filter((mount) => mount.type === 'volume' || mount.type === 'bind').map((mount) => mount.target) : [];
  return {
    ...image,
    // What -e set goes along, as with Docker and Podman; what the host gave (proxies, --env-host) does not.
    Env: withVariables(image.Env ?? [], spec.environment.set),
    Cmd: config.command,
    ...(config.entrypoint.length > 0 ? { Entrypoint: config.entrypoint } : { Entrypoint: undefined }),
    ...(spec.user === undefined ? {} : { User: spec.user }),
    ...(spec.workdir === undefined ? {} : { WorkingDir: spec.workdir }),
    ...(spec.stopSignal === undefined ? {} : { StopSignal: spec.stopSignal }),
    ...(Object.keys(config.labels).length > 0 ? { Labels: config.labels } : {}),
    ...(config.exposedPorts.length > 0 ? { ExposedPorts: Object.fromEntries(config.exposedPorts.map((port) => [port, {}])) } : {}),
    ...(volumes.length > 0 ? { Volumes: { ...image.Volumes, ...Object.fromEntries(volumes.map((target) => [target, {}])) } } : {}),
  };
}

function historyEntry(record: ContainerRecord, created: string, empty: boolean, options: CommitOptions): HistoryEntry {
  return {
    created,
    created_by: record.config.args.join(' '),
    ...(options.author === undefined ? {} : { author: options.author }),
    ...(options.message === undefined ? {} : { comment: options.message }),
    ...(empty ? { empty_layer: true } : {}),
  };
}

function imageConfig(image: ImageRecord | undefined, parent: ImageRecord | undefined, config: ImageRuntimeConfig, step: HistoryEntry, author: string | undefined): Omit<ImageConfig, 'rootfs'> {
  const base: Partial<ImageConfig> & Pick<ImageConfig, 'os' | 'architecture'> = image?.config ?? hostPlatform();
  const { rootfs: _layers, history: _history, ...rest } = base;
  return { ...rest, created: step.created as string, ...(author === undefined ? {} : { author }), config, history: [...(parent?.config.history ?? []), step] };
}

async function whilePaused<T>(engine: Engine, record: ContainerRecord, wanted: boolean, work: () => Promise<T>): Promise<T> {
  if (!wanted || readContainerState(engine.store.layout.container(record.id)).status !== 'running') return work();
  const { freezeContainer, unpauseContainer } = await import('./pause.ts');
  await freezeContainer(engine, record);
  try {
    return await work();
  } finally {
    await unpauseContainer(engine, record);
  }
}
