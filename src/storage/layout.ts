/**
 * The only place that spells paths of the store. See docs/store.md for what each file means.
 *
 *   root     what lasts: $XDG_DATA_HOME/scull (~/.local/share/scull)
 *   runRoot  what must not survive a reboot: $XDG_RUNTIME_DIR/scull/<boot id>, or /tmp/scull-UID/<boot id>
 */
import { join } from 'node:path';
import { digestAlgorithm, digestHex, type Digest } from '../oci/digest.ts';

export const STORE_FORMAT = 1;

/** What digests of blobs may be made with: the folders of images/blobs. */
export const BLOB_ALGORITHMS = ['sha256', 'sha512'] as const;

export interface StoreLayout {
  readonly root: string;
  readonly runRoot: string;
  readonly versionFile: string;
  /** An OCI image layout: oci-layout, index.json, blobs/. */
  readonly images: string;
  readonly layers: string;
  /** Short symbolic names of layers, for overlay's option-length limit. */
  readonly layerLinks: string;
  readonly containers: string;
  /** One symbolic link per container name, pointing to the id: making it is the reservation of the name. */
  readonly names: string;
  readonly volumes: string;
  readonly secrets: string;
  readonly pods: string;
  /** Blobs that have come in part, see partial-blobs.ts. */
  readonly partial: string;
  /** What happened, newest file and the one before it; a link names who is changing them. */
  readonly events: { readonly directory: string; readonly log: string; readonly old: string; readonly rotator: string };
  /** Definitions of named networks, one file each. */
  readonly networks: string;
  readonly staging: string;
  readonly trash: string;
  readonly locks: string;
  /** Which machine is in which boot, see hosts.ts. */
  readonly hosts: string;
  /** Space that a full disk gives back, see ballast.ts. */
  readonly ballast: string;
  /** What `system check --repair` took out of use. */
  readonly quarantine: string;
  /** Bundles of containers that are being worked on or run: making one is the claim of that container. */
  readonly claims: string;
  /** What the last listings read, see runtime/listing.ts and image-listing.ts. */
  readonly listing: string;
  readonly imageListing: string;
  /** crun's `--root`. */
  readonly runtimeRoot: string;
  /** Exit codes of containers that were removed with their end. */
  readonly exits: string;
  /** The network namespace that containers of named networks share: see docs/network.md. */
  readonly switch: string;
  /** Compiled seccomp filters. */
  readonly seccomp: string;
  /** What steps of builds came to, a file each. */
  readonly buildCache: string;
  /** Directories of `RUN --mount=type=cache`. */
  readonly buildMounts: string;
  /** Where `mount` shows containers and images, in the mount namespace of `unshare` only. */
  readonly shown: string;
  /** Which storage driver works here, found out by trying. */
  readonly driverFile: string;
  blob(digest: Digest): string;
  /** A directory with one file: what has come of the blob, named after who fetches it. */
  partialBlob(digest: Digest): string;
  blobFolder(algorithm: (typeof BLOB_ALGORITHMS)[number]): string;
  /** `id` is the hex of a layer's chain id. */
  layer(id: string): LayerPaths;
  container(id: string): ContainerPaths;
  volume(name: string): VolumePaths;
  secret(name: string): string;
  network(name: string): string;
  pod(name: string): string;
  name(name: string): string;
}

export interface LayerPaths {
  readonly directory: string;
  readonly diff: string;
  readonly record: string;
  /** What was unpacked, see layers/contents.ts. */
  readonly contents: string;
}

export interface ContainerPaths {
  readonly id: string;
  /** The store's hosts/: another machine may run it. */
  readonly machines: string;
  /** Lasting directory. */
  readonly directory: string;
  readonly record: string;
  readonly upper: string;
  readonly work: string;
  /** What was written over `-v …:O` and images mounted rw, a folder for each, numbered as the mounts; goes with the run. */
  readonly overlays: string;
  readonly log: string;
  /** Directory where the monitor leaves the exit code in a file named after the id. */
  readonly exitDirectory: string;
  readonly exitFile: string;
  /** The monitor's identity; its time is that of the last start. Text: why the last start failed. */
  readonly startedFile: string;
  readonly errorFile: string;
  /** Empty; there from when a container with a restart policy is started again. */
  readonly hasRunFile: string;
  /** conmon's: the kernel ended it because its memory was used up. */
  readonly oomFile: string;
  /** Empty; there when the user has ended it. */
  readonly stoppedFile: string;
  readonly healthFile: string;
  readonly restartFile: string;
  readonly resolvConf: string;
  readonly hosts: string;
  readonly hostname: string;
  /** Only where such a file is bound: --tz, and users that a plain root (--rootfs) does not know. */
  readonly localtime: string;
  readonly passwd: string;
  readonly group: string;
  /** Copies of its secrets, 0600, as they were when it was made. */
  readonly secrets: string;
  /** Runtime directory: the OCI bundle. */
  readonly bundle: string;
  readonly bundleConfig: string;
  /** Empty; bound at /run/.containerenv, by which programs tell that they are in a container. */
  readonly containerEnvironment: string;
  readonly rootfs: string;
  readonly pidFile: string;
  /** The command that is starting the container: identity of its process. */
  readonly starterFile: string;
  /** Empty; there when the container is to be removed at its end. */
  readonly autoRemoveMark: string;
  /** Identity of the monitor's process. */
  readonly monitorFile: string;
  readonly networkState: string;
  readonly attachSocket: string;
  /** Where conmon makes notify.sock, which the container's program tells that it is ready (sd_notify(3)). */
  readonly notifyDirectory: string;
  /** conmon's control FIFO: window size, log rotation. */
  readonly controlFifo: string;
  /** Mount points for mounts whose source is made in our own mount namespace. */
  readonly mountPoints: string;
  /** /dev/shm of a container that shares its IPC namespace. */
  readonly shm: string;
  /** crun's own record of the container, under its --root. */
  readonly runtimeState: string;
}

export interface VolumePaths {
  readonly directory: string;
  readonly data: string;
  readonly record: string;
}

export function storeLayout(root: string, runRoot: string): StoreLayout {
  const images = join(root, 'images');
  const layers = join(root, 'layers');
  const containers = join(root, 'containers');
  const volumes = join(root, 'volumes');
  const partial = join(root, 'partial');
  const networks = join(root, 'networks');
  const staging = join(root, 'staging');
  const hosts = join(root, 'hosts');
  return {
    root,
    runRoot,
    versionFile: join(root, 'version'),
    images,
    layers,
    layerLinks: join(layers, 'l'),
    containers,
    names: join(root, 'names'),
    volumes,
    secrets: join(root, 'secrets'),
    pods: join(root, 'pods'),
    partial,
    events: eventPaths(join(root, 'events')),
    networks,
    staging,
    trash: join(staging, 'trash'),
    locks: join(root, 'locks'),
    hosts,
    ballast: join(root, 'ballast'),
    quarantine: join(root, 'quarantine'),
    claims: join(runRoot, 'c'),
    listing: join(runRoot, 'listing.json'),
    imageListing: join(runRoot, 'image-listing.json'),
    runtimeRoot: join(runRoot, 'crun'),
    exits: join(runRoot, 'exits'),
    switch: join(runRoot, 'switch'),
    seccomp: join(runRoot, 'seccomp'),
    buildCache: join(root, 'build', 'cache'),
    buildMounts: join(root, 'build', 'mounts'),
    shown: join(runRoot, 'shown'),
    driverFile: join(root, 'driver.json'),
    blobFolder: (algorithm) => join(images, 'blobs', algorithm),
    blob: (digest) => join(images, 'blobs', digestAlgorithm(digest), digestHex(digest)),
    partialBlob: (digest) => join(partial, `${digestAlgorithm(digest)}-${digestHex(digest)}`),
    layer: (id) => {
      const directory = join(layers, id);
      return { directory, diff: join(directory, 'diff'), record: join(directory, 'layer.json'), contents: join(directory, 'contents') };
    },
    container: (id) => containerPaths(`${containers}/${id}`, `${runRoot}/c/${id}`, `${runRoot}/crun`, hosts, id),
    volume: (name) => {
      const directory = join(volumes, name);
      return { directory, data: join(directory, '_data'), record: join(directory, 'volume.json') };
    },
    secret: (name) => join(root, 'secrets', name),
    network: (name) => join(networks, `${name}.json`),
    pod: (name) => join(root, 'pods', name),
    name: (name) => join(root, 'names', name),
  };
}

function eventPaths(directory: string): StoreLayout['events'] {
  return { directory, log: join(directory, 'log'), old: join(directory, 'log.1'), rotator: join(directory, 'rotator') };
}

/** Spelled out rather than joined: a listing asks for a thousand of these. */
function containerPaths(directory: string, bundle: string, runtimeRoot: string, machines: string, id: string): ContainerPaths {
  return {
    id,
    machines,
    directory,
    record: `${directory}/container.json`,
    upper: `${directory}/upper`,
    work: `${directory}/work`,
    overlays: `${directory}/overlays`,
    log: `${directory}/log`,
    exitDirectory: `${directory}/exit`,
    exitFile: `${directory}/exit/${id}`,
    startedFile: `${directory}/exit/started`,
    errorFile: `${directory}/exit/error`,
    hasRunFile: `${directory}/exit/has-run`,
    oomFile: `${directory}/exit/oom`,
    stoppedFile: `${directory}/exit/stopped`,
    healthFile: `${directory}/health.json`,
    restartFile: `${directory}/restart.json`,
    resolvConf: `${directory}/resolv.conf`,
    hosts: `${directory}/hosts`,
    hostname: `${directory}/hostname`,
    localtime: `${directory}/localtime`,
    passwd: `${directory}/passwd`,
    group: `${directory}/group`,
    secrets: `${directory}/secrets`,
    bundle,
    bundleConfig: `${bundle}/config.json`,
    containerEnvironment: `${bundle}/containerenv`,
    rootfs: `${bundle}/rootfs`,
    pidFile: `${bundle}/pid`,
    starterFile: `${bundle}/starter.json`,
    autoRemoveMark: `${bundle}/auto-remove`,
    monitorFile: `${bundle}/monitor.json`,
    networkState: `${bundle}/network.json`,
    attachSocket: `${bundle}/attach`,
    notifyDirectory: `${bundle}/notify`,
    controlFifo: `${bundle}/ctl`,
    mountPoints: `${bundle}/mounts`,
    shm: `${bundle}/shm`,
    runtimeState: `${runtimeRoot}/${id}`,
  };
}
