// The part of the bench that is about named networks and pods: runs like measure.mjs, inside a prepared root file system. Servers are
// that root's own iperf3 and httpd, mounted into containers of the busybox image.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { engines, everyEngine, must, output, plan, processesOfUser, results, said, scenario, wanted } from './turns.mjs';

const image = 'bench-busybox';
const few = Math.max(3, Math.ceil(plan.repetitions / 5));
/** The root's programs and libraries, for the image has none. */
const borrowed = ['-v', '/usr:/usr:ro', '-v', '/usr/lib:/lib:ro', '-v', '/usr/lib64:/lib64:ro'];
const port = (engine, base) => base + engines.indexOf(engine);

main().catch((error) => {
  console.error(error.stack ?? String(error));
  process.exit(1);
});

async function main() {
  for (const engine of engines) {
    await must(engine, ['import', '/opt/bench/busybox.tar', image]);
    await must(engine, ['network', 'create', 'bench']);
  }
  await scenario('run --rm, first on a user network', { timed: (engine) => must(engine, ['run', '--rm', '--network', 'bench', image, 'true']), after: settle });
  await everyEngine((engine) => must(engine, ['run', '-d', '--name', 'keep', '--network', 'bench', image, 'sleep', '100000']));
  await scenario('run --rm, user network', { timed: (engine) => must(engine, ['run', '--rm', '--network', 'bench', image, 'true']) });
  await everyEngine((engine) => remove(engine, 'keep'));
  await scenario('run -d with a published port, default network', {
    timed: (engine) => must(engine, ['run', '-d', '--name', 'keep', '-p', `${port(engine, 15401)}:80`, image, 'sleep', '100000']),
    after: (engine) => remove(engine, 'keep'),
  });
  await pods();
  await throughput();
  await memory('memory of helpers per idle container on a network (KiB)', ['--network', 'bench']);
  await memory('memory of helpers per idle container with a published port (KiB)', ['--network', 'bench'], true);
  await memory('memory of helpers per idle container with a published port, default network (KiB)', [], true);
  for (const pid of processesOfUser()) process.kill(Number(pid), 'SIGKILL');
  process.stdout.write(JSON.stringify(results));
}

/** A pod's whole life, and what it costs besides its containers. */
async function pods() {
  const members = ['one', 'two', 'three'];
  const make = async (engine) => {
    await must(engine, ['pod', 'create', '--name', 'family']);
    for (const name of members) await must(engine, ['run', '-d', '--pod', 'family', '--name', name, image, 'sleep', '100000']);
  };
  await scenario('pod create and three run -d in it', { timed: make, after: (engine) => must(engine, ['pod', 'rm', '-f', '-t', '0', 'family']) });
  await scenario('pod stop and pod rm with three containers', {
    before: make,
    timed: async (engine) => {
      await must(engine, ['pod', 'stop', '-t', '0', 'family']);
      await must(engine, ['pod', 'rm', 'family']);
    },
  });
  const name = 'memory per pod without containers (KiB)';
  if (!wanted(name)) return;
  results[name] = {};
  const families = ['f0', 'f1', 'f2', 'f3'];
  for (const engine of engines) {
    const known = new Set(processesOfUser());
    for (const family of families) await must(engine, ['pod', 'create', '--network', 'none', '--name', family]);
    await must(engine, ['pod', 'start', ...families]);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const total = processesOfUser().filter((pid) => !known.has(pid)).reduce((sum, pid) => sum + proportionalSetSize(pid).kilobytes, 0);
    results[name][engine.name] = [total / families.length];
    await must(engine, ['pod', 'rm', '-f', '-t', '0', ...families]);
  }
}

/** The next one is to be the first again. */
function settle() {
  return new Promise((resolve) => setTimeout(resolve, 300));
}

/** Milliseconds per GB as iperf3 tells it: below 1 is faster. The time of the whole program would be rounded up to its reports'. */
async function throughput() {
  const networks = { 'a user network': ['--network', 'bench'], 'the default network': [] };
  for (const [index, [name, options]] of Object.entries(networks).entries()) {
    const tcp = 15201 + 10 * index;
    const web = 15301 + 10 * index;
    const between = `iperf3 between containers on ${name} (ms per GB)`;
    const published = `iperf3 to a published port, ${name} (ms per GB)`;
    const http = `1000 short HTTP requests to a published port, ${name}`;
    if ([between, published].some(wanted)) {
      await everyEngine((engine) => must(engine, ['run', '-d', '--name', 'server', ...options, '-p', `${port(engine, tcp)}:5201`, ...borrowed, image, '/usr/bin/iperf3', '-s']));
      await everyEngine((engine) => must(engine, ['run', '-d', '--name', 'client', ...options, ...borrowed, image, 'sleep', '100000']));
      await everyEngine((engine) => until(() => iperf('127.0.0.1', port(engine, tcp), '-n', '1M')));
      await scenario(published, { timed: (engine) => iperf('127.0.0.1', port(engine, tcp)), times: few });
      // On the default network they meet at the host.
      const meet = (engine) => (index === 0 ? ['server', 5201] : ['host.containers.internal', port(engine, tcp)]);
      await scenario(between, { timed: async (engine) => perGigabyte(await said(engine, ['exec', 'client', '/usr/bin/iperf3', ...iperfArguments(...meet(engine))])), times: few });
      await everyEngine((engine) => remove(engine, 'server', 'client'));
    }
    if (wanted(http)) {
      await everyEngine((engine) => must(engine, ['run', '-d', '--name', 'web', ...options, '-p', `${port(engine, web)}:80`, image, 'busybox', 'httpd', '-f', '-p', '80', '-h', '/etc']));
      await everyEngine((engine) => until(() => request(port(engine, web))));
      await scenario(http, { timed: (engine) => requests(port(engine, web), 1000, 8), times: few });
      await everyEngine((engine) => remove(engine, 'web'));
    }
  }
}

function iperfArguments(host, toPort, ...amount) {
  return ['-c', host, '-p', String(toPort), '-J', ...(amount.length > 0 ? amount : ['-t', '3'])];
}

async function iperf(host, toPort, ...amount) {
  return perGigabyte(await output('iperf3', iperfArguments(host, toPort, ...amount), {}));
}

function perGigabyte(report) {
  return 8e12 / JSON.parse(report).end.sum_received.bits_per_second;
}

async function until(action) {
  for (let tries = 0; ; tries++) {
    try {
      return await action();
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function requests(toPort, count, width) {
  let left = count;
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (left-- > 0) await request(toPort);
    }),
  );
}

function request(toPort) {
  return new Promise((resolve, reject) => {
    const socket = connect(toPort, '127.0.0.1', () => socket.write('GET /group HTTP/1.0\r\n\r\n'));
    let said = '';
    socket.on('data', (chunk) => (said += chunk));
    socket.on('error', reject);
    socket.on('close', () => (said.includes('root:x:0:') ? resolve() : reject(new Error(`an answer is missing: ${said}`))));
  });
}

/** What the network itself costs: neither the container's process nor its monitor, which are there without one. */
async function memory(name, options, publishes = false) {
  if (!wanted(name)) return;
  const instances = 4;
  results[name] = {};
  for (const engine of engines) {
    const known = new Set(processesOfUser());
    for (let i = 0; i < instances; i++) {
      const ports = publishes ? ['-p', `${16000 + 10 * engines.indexOf(engine) + i}:80`] : [];
      await must(engine, ['run', '-d', '--name', `m${i}`, ...ports, ...options, image, 'sleep', '1000']);
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const parts = {};
    let total = 0;
    for (const pid of processesOfUser().filter((pid) => !known.has(pid))) {
      const { command, kilobytes } = proportionalSetSize(pid);
      if (command === 'sleep' || command === 'conmon') continue;
      parts[command] = Math.round((parts[command] ?? 0) + kilobytes / instances);
      total += kilobytes / instances;
    }
    results[name][engine.name] = [total];
    process.stderr.write(`  ${name}: ${engine.name} ${Math.round(total)} ${JSON.stringify(parts)}\n`);
    for (let i = 0; i < instances; i++) await remove(engine, `m${i}`);
  }
}

function proportionalSetSize(pid) {
  try {
    const command = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    return { command, kilobytes: Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) };
  } catch {
    return { command: '(ended)', kilobytes: 0 };
  }
}

async function remove(engine, ...names) {
  await must(engine, ['rm', '-f', '-t', '0', ...names]);
}
