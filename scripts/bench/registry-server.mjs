// The registries of the bench: two of Debian's docker-registry on loopback, one that has the images, as gzip and as zstd, and
// one that is empty and is pushed to.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PORTS = { images: 50231, pushed: 50232 };

/** @returns the addresses, each image's layers (`{path, size}` by `size:compression`), and how to stop them */
export function startRegistries(folder, archives, sizes) {
  if (spawnSync('docker-registry', ['--version']).error !== undefined) {
    console.error('Error: docker-registry is missing. Install it, or run `npm test` once, which does.');
    process.exit(1);
  }
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, 'pushed'), { recursive: true, force: true });
  const children = Object.entries(PORTS).map(([name, port]) => start(folder, name, port));
  process.on('exit', () => children.forEach((child) => child.kill()));
  const host = `127.0.0.1:${PORTS.images}`;
  const layers = {};
  for (const { name } of sizes) {
    for (const compression of ['zstd', 'gzip']) {
      const image = `${host}/bench/${name}:${compression}`;
      const mark = join(folder, `${name}-${compression}.filled`);
      if (!existsSync(mark)) {
        console.error(`==> filling the registry with the ${name} image, ${compression} (once)`);
        const source = compression === 'zstd' ? ['--format', 'oci', '--dest-compress-format', 'zstd', `docker-archive:${archives}/${name}.docker.tar`] : ['--preserve-digests', `oci-archive:${archives}/${name}.oci.tar`];
        // With an empty memory of earlier copies: what skopeo has once sent somewhere as gzip it would take for zstd as well.
        must('unshare', ['--mount', 'sh', '-ec', 'mkdir -p /var/lib/containers/cache; mount -t tmpfs none /var/lib/containers/cache; exec "$@"', 'sh', 'skopeo', 'copy', '-q', '--insecure-policy', '--dest-tls-verify=false', ...source, `docker://${image}`]);
      }
      const manifest = JSON.parse(must('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${image}`], 'pipe'));
      if (!manifest.layers.every((layer) => layer.mediaType.endsWith(compression))) throw new Error(`${image} is not ${compression}`);
      writeFileSync(mark, '');
      layers[`${name}:${compression}`] = manifest.layers.map((layer) => ({ path: `/v2/bench/${name}/blobs/${layer.digest}`, size: layer.size }));
    }
  }
  return { plan: { host, pushHost: `127.0.0.1:${PORTS.pushed}`, layers }, stop: () => children.forEach((child) => child.kill()) };
}

function start(folder, name, port) {
  const config = join(folder, `${name}.yml`);
  writeFileSync(config, `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${join(folder, name)}}}\nhttp: {addr: "127.0.0.1:${port}"}\n`);
  const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  must('bash', ['-c', `for n in {1..100}; do (exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null && exit 0; sleep 0.1; done; exit 1`]);
  return child;
}

function must(file, args, stdout = 'inherit') {
  const result = spawnSync(file, args, { stdio: ['ignore', stdout, 'inherit'], encoding: 'utf8', maxBuffer: 1 << 26 });
  if (result.status !== 0) {
    console.error(`Error: ${file} ${args.join(' ')} failed`);
    process.exit(1);
  }
  return result.stdout;
}
