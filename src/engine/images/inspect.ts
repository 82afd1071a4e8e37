/** What `image inspect` shows: Docker's shape, with Podman's additions. */
import type { ImageRuntimeConfig, Manifest } from '../../oci/image.ts';
import { resolveDriver } from '../../storage/drivers/resolve.ts';
import { lookUpImage, lookUpStored } from '../../storage/image-lookup.ts';
import type { ImageRecord, StoredImage } from '../../storage/image-types.ts';
import { artifactType } from '../../storage/images.ts';
import { layerPaths } from '../../storage/layers/store.ts';
import type { Store } from '../../storage/store.ts';
import type { Engine } from '../engine.ts';
import { byAlias } from './by-alias.ts';

/** Of a list, the image for this machine. @throws ScullError NO_SUCH_IMAGE, AMBIGUOUS, INVALID, CORRUPT, UNSUPPORTED */
export async function inspectImage(engine: Engine, nameOrId: string): Promise<object> {
  return byAlias(nameOrId, (name) => inspectNamed(engine, name));
}

async function inspectNamed(engine: Engine, nameOrId: string): Promise<object> {
  const stored = lookUpStored(engine.store, nameOrId).image;
  if (stored.kind === 'artifact' && stored.manifest !== undefined) return inspectArtifact(stored, stored.manifest);
  const { image } = lookUpImage(engine.store, nameOrId);
  const { config } = image;
  const history = config.history ?? [];
  return {
    Id: image.id,
    Digest: image.manifestDigest,
    RepoTags: image.names,
    RepoDigests: repoDigests(image),
    Parent: '',
    Comment: history.at(-1)?.comment ?? '',
    Created: image.created,
    DockerVersion: '',
    Author: config.author ?? '',
    Config: dockerConfig(config.config ?? {}),
    Version: '',
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    Size: image.size,
    VirtualSize: image.size,
    GraphDriver: { Name: await resolveDriver(engine.store), Data: layerDirectories(engine.store, image) },
    RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: '0001-01-01T00:00:00Z' },
    Labels: config.config?.Labels ?? null,
    Annotations: image.manifest.annotations ?? {},
    ManifestType: image.manifestMediaType,
    User: config.config?.User ?? '',
    History: history,
    NamesHistory: image.names,
    ...(config.config?.Healthcheck === undefined ? {} : { Healthcheck: config.config.Healthcheck }),
  };
}

/** An artifact has no configuration to show, but files. */
function inspectArtifact(artifact: StoredImage, manifest: Manifest): object {
  return {
    Id: artifact.id,
    Digest: artifact.manifestDigest,
    RepoTags: artifact.names,
    RepoDigests: repoDigests(artifact),
    Created: artifact.created,
    Size: artifact.size,
    Annotations: manifest.annotations ?? {},
    ManifestType: artifact.manifestMediaType,
    ArtifactType: artifactType(manifest),
    Manifest: manifest,
  };
}

/** What it was pulled as; for an image that was made here, as Podman: each repository with the manifest's digest. */
function repoDigests(image: StoredImage): readonly string[] {
  if (image.repoDigests.length > 0) return image.repoDigests;
  const repositories = image.names.map((name) => name.slice(0, name.lastIndexOf(':')));
  return [...new Set(repositories)].sort().map((repository) => `${repository}@${image.manifestDigest}`);
}

/** Docker lists every field, empty or not. */
function dockerConfig(config: ImageRuntimeConfig): object {
  return {
    Hostname: '',
    Domainname: '',
    User: config.User ?? '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ...(config.ExposedPorts === undefined ? {} : { ExposedPorts: config.ExposedPorts }),
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: config.Env ?? [],
    Cmd: config.Cmd ?? null,
    ...(config.Healthcheck === undefined ? {} : { Healthcheck: config.Healthcheck }),
    Image: '',
    Volumes: config.Volumes ?? null,
    WorkingDir: config.WorkingDir ?? '',
    Entrypoint: config.Entrypoint ?? null,
    OnBuild: config.OnBuild ?? null,
    Labels: config.Labels ?? null,
    ...(config.StopSignal === undefined ? {} : { StopSignal: config.StopSignal }),
    ...(config.Shell === undefined ? {} : { Shell: config.Shell }),
  };
}

function layerDirectories(store: Store, image: ImageRecord): Readonly<Record<string, string>> {
  const [top, ...below] = image.layers.map((layer) => layerPaths(store, layer.chainId).diff).reverse();
  return {
    ...(below.length === 0 ? {} : { LowerDir: below.join(':') }),
    ...(top === undefined ? {} : { UpperDir: top }),
  };
}
