// The images of the bench, as the archives that every engine loads: small (busybox), debian (about 100 MB), and big (1 GB
// in five layers, 40,000 files). Made once, outside the root file systems, and always the same but for Debian's packages.
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';

export const SIZES = [{ name: 'small' }, { name: 'debian' }, { name: 'big' }];

/** @param options.debian makes a tar of a Debian at the path it is given @param options.busybox path of a tar */
export function makeArchives(folder, options) {
  mkdirSync(folder, { recursive: true });
  for (const { name } of SIZES) {
    if (existsSync(join(folder, `${name}.oci.tar`))) continue;
    console.error(`==> making the archives of the ${name} image (once)`);
    const layers = layersOf(name, folder, options);
    const docker = join(folder, `${name}.docker.tar`);
    writeDockerArchive(docker, name, layers);
    must('skopeo', ['copy', '-q', '--insecure-policy', `docker-archive:${docker}`, `oci-archive:${folder}/${name}.unfinished:docker.io/bench/${name}:1`]);
    const rootfs = join(folder, `${name}.rootfs.tar`);
    if (layers.length === 1) renameSync(layers[0], rootfs);
    else {
      const parts = layers.map((layer) => withoutEnd(readFileSync(layer)));
      write(rootfs, (put) => [...parts, Buffer.alloc(1024)].forEach(put));
      layers.forEach((layer) => rmSync(layer));
    }
    renameSync(join(folder, `${name}.unfinished`), join(folder, `${name}.oci.tar`));
  }
}

function layersOf(name, folder, { debian, busybox }) {
  const path = join(folder, `${name}.layer-0`);
  if (name === 'debian') debian(path);
  else must('cp', [busybox, path]);
  if (name !== 'big') return [path];
  const made = Array.from({ length: 5 }, (_, index) => join(folder, `big.layer-${index + 1}`));
  made.forEach((layer, index) => writeBigLayer(layer, index));
  return [path, ...made];
}

/** 8,000 files of 1 kB to 160 kB in 400 folders, text of about the compressibility of programs. */
function writeBigLayer(path, layer) {
  let state = layer * 7919 + 1;
  const random = (below) => (state = (state * 48271) % 2147483647) % below;
  const words = Array.from({ length: 4000 }, () => Buffer.from(random(2147483647).toString(36).slice(0, 1 + random(6))));
  const text = Buffer.concat(Array.from({ length: 120_000 }, () => words[random(words.length)]));
  write(path, (put) => {
    for (let folder = 0; folder < 400; folder++) {
      put(header(`data/layer-${layer}/folder-${folder}/`, 0, '5'));
      for (let file = 0; file < 20; file++) {
        const size = random(10) < 8 ? 1000 + random(16_000) : 16_000 + random(144_000);
        const start = random(text.length - size);
        put(header(`data/layer-${layer}/folder-${folder}/file-${file}.txt`, size, '0'));
        put(text.subarray(start, start + size));
        put(Buffer.alloc((512 - (size % 512)) % 512));
      }
    }
    put(Buffer.alloc(1024));
  });
}

function writeDockerArchive(path, name, layers) {
  const contents = layers.map((layer) => ({ layer, digest: createHash('sha256').update(readFileSync(layer)).digest('hex') }));
  const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch] ?? process.arch;
  const config = Buffer.from(JSON.stringify({ architecture, os: 'linux', created: '2024-01-01T00:00:00Z', config: { Cmd: ['/bin/sh'] }, rootfs: { type: 'layers', diff_ids: contents.map(({ digest }) => `sha256:${digest}`) }, history: contents.map(() => ({ created: '2024-01-01T00:00:00Z' })) }));
  const configName = `${createHash('sha256').update(config).digest('hex')}.json`;
  write(path, (put) => {
    const file = (fileName, bytes) => {
      put(header(fileName, bytes.length, '0'));
      put(bytes);
      put(Buffer.alloc((512 - (bytes.length % 512)) % 512));
    };
    for (const { layer, digest } of contents) file(`${digest}.tar`, readFileSync(layer));
    file(configName, config);
    file('manifest.json', Buffer.from(JSON.stringify([{ Config: configName, RepoTags: [`docker.io/bench/${name}:1`], Layers: contents.map(({ digest }) => `${digest}.tar`) }])));
    put(Buffer.alloc(1024));
  });
}

function header(name, size, type) {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write(type === '5' ? '0000755\0' : '0000644\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write('14430510000\0', 136);
  block.write('        ', 148);
  block.write(type, 156);
  block.write('ustar\x0000', 257);
  block.write(`${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** A tar without the empty blocks that end it, to be followed by another. */
function withoutEnd(tar) {
  let end = tar.length;
  while (end >= 512 && tar.subarray(end - 512, end).every((byte) => byte === 0)) end -= 512;
  return tar.subarray(0, end);
}

function write(path, fill) {
  const fd = openSync(path, 'w');
  fill((bytes) => {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
  });
  closeSync(fd);
  if (statSync(path).size === 0) throw new Error(`${path} is empty`);
}

function must(file, args) {
  const result = spawnSync(file, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.status !== 0) {
    console.error(`Error: ${file} ${args.join(' ')} failed`);
    process.exit(1);
  }
}
