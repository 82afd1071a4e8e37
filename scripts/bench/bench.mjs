// `npm run bench`: scull against Debian's Podman, taking turns in one run, on this machine.
//
//   npm run bench                        everything: against Debian 13's and Debian 12's Podman
//   npm run bench -- --quick             few repetitions, 100 stopped containers, Debian 13 only
//   npm run bench -- --only exec         only scenarios whose name contains a word
//   npm run bench -- --part images       only one part: containers, images, registry, life, units, files, build, networks or store
//
// Each Podman comes with its own Debian: a root file system made by mmdebstrap from this machine's own package source.
// Both engines run inside it, as the same unprivileged user, with the same kernel, crun, conmon and pasta. Root is needed
// to make and enter these roots, for nothing else.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeArchives, SIZES } from './image-archives.mjs';
import { startRegistries } from './registry-server.mjs';

const top = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const cache = join(top, '.cache', 'bench');
/** An id of the bench's own, so that memory is not counted with anybody else's processes. */
const uid = 50123;

/** What each release of Debian has. */
const PODMAN = { trixie: 'podman 5.4.2', bookworm: 'podman 4.3.1' };

/** Highest ratio to Debian 13's Podman that we want to reach, by scenario (`node` for the npm package). */
const goals = {
  '64 mixed commands at once': { executable: 0.5 },
  'ps -a, 200 images': { executable: 0.4 },
  'images, 200 images': { executable: 0.5 },
  'run --rm, no network, 200 images': { executable: 0.4 },
  'run --rm, no network': { executable: 0.4, node: 0.9 },
  'run --rm, default network': { executable: 0.45, node: 0.9 },
  'run -d, no network': { executable: 0.5, node: 0.9 },
  'run -d, default network': { executable: 0.5, node: 0.9 },
  start: { executable: 0.5 },
  stop: { executable: 0.5 },
  exec: { executable: 0.3 },
  'ps -a, 1 container': { executable: 0.4 },
  'images, 1 container': { executable: 0.4 },
  'inspect, 1 container': { executable: 0.4 },
  'ps -a, N containers': { executable: 0.3 },
  'images, N containers': { executable: 0.4 },
  'inspect, N containers': { executable: 0.4 },
  '50 run --rm, eight at a time': { executable: 0.3 },
  'logs of 100 MB': { executable: 0.05 },
  'diff, 20,000 files': { executable: 0.3 },
  'commit, 20,000 files and 1 GB': { executable: 0.3 },
  'export, 20,000 files and 1 GB': { executable: 0.4 },
  'cp of 1 GB out': { executable: 0.4 },
  'cp of 1 GB in': { executable: 0.4 },
  'cp of 20,000 files out': { executable: 0.3 },
  'cp of 20,000 files in': { executable: 0.3 },
  'memory of an idle container, no network (KiB)': { executable: 1.0 },
  'memory of an idle container, default network (KiB)': { executable: 0.2 },
  'stats --no-stream of 50 containers': { executable: 0.3 },
  'healthcheck run': { executable: 0.3 },
  'restart after a crash': { executable: 0.5 },
  'boot of 100 containers': { executable: 0.3 },
  'start of a unit': { executable: 0.5 },
  'start of 100 units at once': { executable: 0.5 },
  'build, ten RUN steps': { executable: 0.4 },
  'build, ten RUN steps, all cached': { executable: 0.15 },
  'build, four stages': { executable: 0.3 },
  'build, COPY of 20000 files': { executable: 0.2 },
  'run --rm, user network': { executable: 0.5 },
  'run --rm, first on a user network': { executable: 0.6 },
  'run -d with a published port, default network': { executable: 0.5 },
  'pod create and three run -d in it': { executable: 0.5 },
  'pod stop and pod rm with three containers': { executable: 0.5 },
  'memory per pod without containers (KiB)': { executable: 1.0 },
  ...Object.fromEntries(
    ['a user network', 'the default network'].flatMap((network) =>
      [`iperf3 to a published port, ${network} (ms per GB)`, `iperf3 between containers on ${network} (ms per GB)`, `1000 short HTTP requests to a published port, ${network}`].map((name) => [name, { executable: 0.83 }]),
    ),
  ),
  'memory of helpers per idle container on a network (KiB)': { executable: 0.2 },
  'memory of helpers per idle container with a published port (KiB)': { executable: 0.2 },
  'memory of helpers per idle container with a published port, default network (KiB)': { executable: 0.2 },
  ...Object.fromEntries(
    SIZES.flatMap(({ name }) => [
      [`pull gzip, ${name}`, { executable: 0.6 }],
      [`pull zstd, ${name}`, { executable: 0.5 }],
      [`pull of what is there, ${name}`, { executable: 0.3 }],
      [`first run after a pull, ${name}`, { executable: 0.5 }],
      [`push, ${name}`, name === 'small' ? {} : { executable: 0.1 }],
      [`load OCI archive, ${name}`, { executable: 0.6 }],
      [`load docker archive, ${name}`, { executable: 0.5 }],
      [`import, ${name}`, { executable: 0.6 }],
      [`first run after a load, ${name}`, { executable: 0.5 }],
      [`rmi, ${name}`, { executable: 0.6 }],
      [`save OCI archive, ${name}`, name === 'small' ? {} : { executable: 0.05 }],
      [`save docker archive, ${name}`, name === 'small' ? {} : { executable: 0.3 }],
    ]),
  ),
};

const options = readOptions(process.argv.slice(2));
if (process.getuid() !== 0) {
  console.error('Error: the bench makes and enters Debian root file systems, which takes root. Run it as root: what it measures runs as an unprivileged user.');
  process.exit(1);
}
for (const needed of ['dist/scull', 'bin/run.js']) {
  if (!existsSync(join(top, needed)) && !options.podmanOnly) {
    console.error(`Error: ${needed} is missing. Run \`npm run build\` first.`);
    process.exit(1);
  }
}

const rounds = [];
for (const release of options.releases) rounds.push({ release, results: measureIn(release) });
printTable(rounds);
printGrowth(rounds[0].results);

function readOptions(args) {
  const known = ['--quick', '--repetitions', '--containers', '--only', '--part', '--sizes', '--podman-only', '--releases'];
  const unknown = args.find((word) => word.startsWith('-') && !known.includes(word));
  if (unknown !== undefined) {
    console.error(`Error: unknown option ${unknown}; there are ${known.join(', ')}`);
    process.exit(1);
  }
  const quick = args.includes('--quick');
  const value = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
  return {
    repetitions: Number(value('--repetitions') ?? (quick ? 7 : 21)),
    stoppedContainers: Number(value('--containers') ?? (quick ? 100 : 1000)),
    only: value('--only'),
    parts: value('--part') === undefined ? ['measure', 'images', 'registry', 'life', 'units', 'files', 'build', 'networks', 'store'] : [{ containers: 'measure', images: 'images', registry: 'registry', life: 'life', units: 'units', files: 'files', build: 'build', networks: 'networks', store: 'store' }[value('--part')] ?? 'measure'],
    sizes: SIZES.filter(({ name }) => value('--sizes')?.split(',').includes(name) ?? (!quick || name !== 'big')),
    podmanOnly: args.includes('--podman-only'),
    releases: value('--releases')?.split(',') ?? (quick ? ['trixie'] : ['trixie', 'bookworm']),
  };
}

function measureIn(release) {
  const root = makeRoot(release);
  const podman = { name: 'podman', command: ['podman'], env: { XDG_RUNTIME_DIR: `/run/user/${uid}/podman` } };
  const executable = { name: 'scull', command: ['/opt/bench/scull/dist/scull'], env: { XDG_RUNTIME_DIR: `/run/user/${uid}/scull`, XDG_DATA_HOME: '/home/bench/scull' } };
  const node = {
    name: 'scull on Node',
    command: ['/opt/bench/node', '/opt/bench/scull/bin/run.js'],
    env: { XDG_RUNTIME_DIR: `/run/user/${uid}/node`, XDG_DATA_HOME: '/home/bench/node' },
  };
  const plan = {
    uid,
    engines: options.podmanOnly ? [podman] : [podman, executable, node],
    repetitions: options.repetitions,
    stoppedContainers: options.stoppedContainers,
    logMegabytes: 100,
    only: options.only,
    sizes: options.sizes,
    archives: '/opt/bench/archives',
  };
  console.error(`==> ${release}: ${plan.engines.map((engine) => engine.name).join(' / ')}`);
  const results = {};
  for (const part of options.parts) {
    // Parts about images have the least that must be done as one more engine.
    const ofImages = !['measure', 'life', 'units', 'store', 'networks', 'files'].includes(part);
    if (ofImages) makeArchives(join(cache, 'archives'), { debian: (path) => must('mmdebstrap', ['--quiet', '--variant=minbase', '--format=tar', 'trixie', path, `deb ${packageSource()} trixie main`]), busybox: join(root, 'opt', 'bench', 'busybox.tar') });
    // On a disk of its own, new each time: what an ext4 without a journal remembers of deleted files, as those of many virtual
    // machines are, makes new ones up to ten times slower for minutes, for whoever comes next.
    const disk = ofImages || part === 'files' ? makeDisk(join(cache, 'disk')) : undefined;
    const registries = part === 'registry' ? startRegistries(join(cache, 'registry'), join(cache, 'archives'), options.sizes) : undefined;
    const engines = !ofImages ? plan.engines : [...plan.engines, { name: 'limit', limit: true }];
    const command = ['/opt/bench/node', `/opt/bench/scull/scripts/bench/${part}.mjs`, JSON.stringify({ ...plan, engines, registry: registries?.plan })];
    const result = spawnSync('bash', [join(top, 'scripts/bench/enter-root.sh'), root, String(uid), top, nodeBinary(), ...command], { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8', maxBuffer: 1 << 28, env: { ...process.env, ...(disk === undefined ? {} : { BENCH_DISK: disk }) } });
    registries?.stop();
    if (disk !== undefined) rmSync(disk);
    if (result.status !== 0) {
      console.error(`Error: the bench in ${root} failed`);
      process.exit(1);
    }
    Object.assign(results, JSON.parse(result.stdout));
  }
  return results;
}

/** A Debian root with Podman, made once. The package source is the one this machine's apt uses. */
function makeRoot(release) {
  const root = join(cache, release);
  const bench = join(root, 'opt', 'bench');
  // Made by an earlier version of this bench, it lacks programs.
  if (existsSync(root) && ['usr/lib/systemd/systemd', 'usr/bin/zstd'].some((program) => !existsSync(join(root, program)))) rmSync(root, { recursive: true });
  if (!existsSync(root)) {
    console.error(`==> making a root file system of Debian ${release} with Podman (once)`);
    mkdirSync(cache, { recursive: true });
    const unfinished = `${root}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    const packages = ['podman', 'crun', 'conmon', 'uidmap', 'fuse-overlayfs', 'passt', 'slirp4netns', 'netavark', 'aardvark-dns', 'nftables', 'iperf3', 'ca-certificates', 'catatonit', 'busybox-static', 'systemd', 'zstd'];
    must('mmdebstrap', ['--quiet', '--variant=minbase', `--include=${packages.join(',')}`, release, unfinished, `deb ${packageSource()} ${release} main`]);
    must('chroot', [unfinished, 'useradd', '--create-home', '--uid', String(uid), '--shell', '/bin/bash', 'bench']); // with subordinate ids
    mkdirSync(join(unfinished, 'opt', 'bench'), { recursive: true });
    renameSync(unfinished, root);
  }
  // Containers of an earlier bench are not part of this one.
  rmSync(join(root, 'home', 'bench'), { recursive: true, force: true });
  must('install', ['-d', '-o', String(uid), '-g', String(uid), '-m', '0700', join(root, 'home', 'bench')]);
  makeBusyboxArchive(root, join(bench, 'busybox.tar'));
  return root;
}

/** A file with an empty ext4, as a desktop has it: with a journal. */
function makeDisk(path) {
  rmSync(path, { force: true });
  must('truncate', ['--size=16G', path]);
  must('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', path]);
  return path;
}

function makeBusyboxArchive(root, archive) {
  const tree = join(cache, 'busybox');
  rmSync(tree, { recursive: true, force: true });
  for (const folder of ['bin', 'etc', 'tmp', 'root', 'proc', 'sys', 'dev']) mkdirSync(join(tree, folder), { recursive: true });
  copyFileSync(join(root, 'bin', 'busybox'), join(tree, 'bin', 'busybox'));
  for (const applet of ['sh', 'true', 'sleep', 'yes', 'head', 'printf', 'echo']) symlinkSync('busybox', join(tree, 'bin', applet));
  writeFileSync(join(tree, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(tree, 'etc', 'group'), 'root:x:0:\n');
  must('tar', ['-c', '-f', archive, '--owner=0', '--group=0', '-C', tree, ...readdirSync(tree)]);
}

function packageSource() {
  const targets = must('apt-get', ['indextargets', '--format', '$(LABEL) $(REPO_URI)'], 'pipe');
  const source = /^Debian (\S+)$/m.exec(targets)?.[1];
  if (source === undefined) {
    console.error('Error: apt on this machine knows no source of Debian packages, so there is no Podman of Debian to compare with.');
    process.exit(1);
  }
  return source;
}

function nodeBinary() {
  const ours = join(top, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  return existsSync(ours) ? ours : process.execPath;
}

function printTable(rounds) {
  const [first, second] = rounds;
  console.log(`\nmedians in ms (memory: KiB) of ${options.repetitions} turns each; ${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown processor'}`);
  console.log('ratio = scull / podman in the same run; below 1 scull is faster (or smaller)\n');
  // What tar, gzip and cat need for the same: the last columns are how many times that each engine takes.
  const withLimit = Object.values(first.results).some((samples) => samples.limit !== undefined);
  const rows = [['', PODMAN[first.release] ?? `podman of ${first.release}`, 'scull', 'ratio', 'goal', '', 'on Node', 'ratio', ...(withLimit ? ['limit', 'scull', 'podman'] : []), ...(second ? [PODMAN[second.release] ?? `podman of ${second.release}`, 'scull', 'ratio'] : [])]];
  let missed = 0;
  for (const [name, samples] of Object.entries(first.results)) {
    const goal = goals[name.replace(`, ${options.stoppedContainers} containers`, ', N containers')] ?? {};
    const podman = median(samples.podman);
    const scull = median(samples.scull);
    const node = median(samples['scull on Node']);
    const misses = [];
    if (goal.executable !== undefined && scull / podman > goal.executable) misses.push('missed');
    if (goal.node !== undefined && node / podman > goal.node) misses.push(`missed on Node (${goal.node})`);
    missed += misses.length;
    const row = [name, number(podman), number(scull), ratio(scull, podman), goal.executable === undefined ? '' : `≤ ${goal.executable}`, misses.join(', '), number(node), ratio(node, podman)];
    if (withLimit) {
      const limit = median(samples.limit);
      row.push(number(limit), ratio(scull, limit), ratio(podman, limit));
    }
    if (second) {
      const other = second.results[name];
      row.push(number(median(other?.podman)), number(median(other?.scull)), ratio(median(other?.scull), median(other?.podman)));
    }
    rows.push(row);
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) console.log(row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join('  '));
  if (!options.podmanOnly) console.log(missed === 0 ? '\nevery goal is reached' : `\n${missed} goals are missed`);
}

/** How much longer a command takes where there is much else: of scull alone, by its own scenarios. */
function printGrowth(results) {
  const pairs = Object.keys(results).flatMap((name) => {
    const little = name.replace(/, \d+ (image|container)s$/, ', 1 $1').replace(/^(run --rm, no network), 1 container$/, '$1');
    return little === name || results[little] === undefined ? [] : [[name, little]];
  });
  if (pairs.length === 0) return;
  console.log('\ngrowth: how many times as long as with one\n');
  for (const [name, little] of pairs) console.log(`${name.padEnd(50)}  ${ratio(median(results[name].scull), median(results[little].scull))}`);
}

function median(numbers) {
  if (numbers === undefined || numbers.length === 0) return Number.NaN;
  const sorted = [...numbers].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

function number(value) {
  return Number.isNaN(value) ? '–' : value.toFixed(value < 100 ? 1 : 0);
}

function ratio(value, base) {
  const quotient = value / base;
  return Number.isNaN(quotient) ? '–' : quotient.toFixed(quotient < 0.1 ? 3 : 2);
}

function must(file, args, stdout = 'inherit') {
  const result = spawnSync(file, args, { stdio: ['ignore', stdout, 'inherit'], encoding: 'utf8' });
  if (result.status !== 0) {
    console.error(`Error: ${file} ${args.join(' ')} failed`);
    process.exit(1);
  }
  return result.stdout;
}
