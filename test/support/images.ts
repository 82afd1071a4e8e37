/** Images made on the spot, from parts of this machine: no registry, no download. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { arch } from 'node:process';
import { writeTar, type TarEntry } from './tar-writer.ts';

/** The container part of an image configuration, as in the OCI image specification, config.md. */
export interface ImageSettings {
  readonly Cmd?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly StopSignal?: string;
  readonly Labels?: Readonly<Record<string, string>>;
}

export interface ImageRecipe {
  readonly tags: readonly string[];
  /** One list of entries (or a whole tar, see raw-tar.ts) per layer, lowest first. */
  readonly layers: readonly (readonly TarEntry[] | Buffer)[];
  readonly settings?: ImageSettings;
  /** GOARCH word, this machine's by default. */
  readonly architecture?: string;
}

/** A `docker save` archive of one image. */
export function dockerArchive(recipe: ImageRecipe): Buffer {
  const layers = recipe.layers.map((entries) => {
    const tar = Buffer.isBuffer(entries) ? entries : writeTar(entries as readonly TarEntry[]);
    return { tar, digest: sha256(tar) };
  });
  const config = Buffer.from(
    JSON.stringify({
      architecture: recipe.architecture ?? goArchitecture(),
      os: 'linux',
      created: '2024-01-02T03:04:05Z',
      config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], ...recipe.settings },
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${layer.digest}`) },
      history: layers.map(() => ({ created: '2024-01-02T03:04:05Z', created_by: 'test' })),
    }),
  );
  const configName = `${sha256(config)}.json`;
  const manifest = [{ Config: configName, RepoTags: recipe.tags, Layers: layers.map((layer) => `${layer.digest}.tar`) }];
  return writeTar([
    ...layers.map((layer) => ({ path: `${layer.digest}.tar`, content: layer.tar })),
    { path: configName, content: config },
    { path: 'manifest.json', content: JSON.stringify(manifest) },
  ]);
}

/**
 * A root file system of one static program: every applet of Debian's busybox-static, the users root, daemon, nobody and app
 * (1500, which whoever runs the tests is not; a member of wheel), and a home that belongs to app.
 */
export function busyboxEntries(): TarEntry[] {
  const busybox = ['/usr/bin/busybox', '/bin/busybox'].find((path) => existsSync(path));
  if (busybox === undefined) throw new Error('busybox-static is not installed');
  const applets = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n').filter((name) => name !== 'busybox');
  return [
    ...['bin', 'etc', 'home', 'proc', 'sys', 'dev', 'run', 'usr', 'usr/bin', 'var', 'var/lib'].map((path): TarEntry => ({ path, type: 'directory' })),
    { path: 'root', type: 'directory', mode: 0o700 },
    { path: 'tmp', type: 'directory', mode: 0o1777 },
    { path: 'home/app', type: 'directory', uid: 1500, gid: 1500 },
    { path: 'home/app/note', content: 'of app\n', uid: 1500, gid: 1500, mode: 0o600 },
    { path: 'bin/busybox', content: readFileSync(busybox), mode: 0o755 },
    ...applets.map((name): TarEntry => ({ path: `bin/${name}`, type: 'symlink', target: 'busybox', mode: 0o777 })),
    { path: 'etc/passwd', content: 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\napp:x:1500:1500:an app:/home/app:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n' },
    { path: 'etc/group', content: 'root:x:0:\ndaemon:x:1:\nwheel:x:10:app\naudio:x:29:\napp:x:1500:\nnogroup:x:65534:\n' },
    { path: 'etc/not-a-program', content: 'text\n', mode: 0o644 },
    { path: 'etc/data/', type: 'directory' },
    { path: 'etc/data/from-image', content: 'from the image\n' },
  ];
}

export interface LayoutParts {
  readonly name: string;
  /** Compressed or not; `tar` is what the configuration says. */
  readonly layers: readonly { readonly blob: Buffer; readonly tar: Buffer; readonly mediaType: string }[];
}

/** An OCI archive, well-formed but for what the layers are. */
export function ociArchive({ name, layers }: LayoutParts): Buffer {
  const entries: TarEntry[] = [{ path: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' }];
  const add = (bytes: Buffer, mediaType: string): object => {
    entries.push({ path: `blobs/sha256/${sha256(bytes)}`, content: bytes });
    return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
  };
  const descriptors = layers.map((layer) => add(layer.blob, layer.mediaType));
  const config = { architecture: goArchitecture(), os: 'linux', config: { Cmd: ['sh'] }, rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha256(layer.tar)}`) } };
  const manifest = { schemaVersion: 2, config: add(Buffer.from(JSON.stringify(config)), 'application/vnd.oci.image.config.v1+json'), layers: descriptors };
  const descriptor = { ...add(Buffer.from(JSON.stringify(manifest)), 'application/vnd.oci.image.manifest.v1+json'), annotations: { 'org.opencontainers.image.ref.name': name } };
  return writeTar([...entries, { path: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }) }]);
}

/** GOARCH of this machine. */
export function goArchitecture(): string {
  return ({ x64: 'amd64', arm: 'arm', arm64: 'arm64', ia32: '386', riscv64: 'riscv64', s390x: 's390x', ppc64: 'ppc64le' } as Record<string, string>)[arch] ?? arch;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
