// The part of the bench that is about containers that live long: runs like measure.mjs, inside a prepared root file system.
// What they use, whether they are well, how soon they are back after a crash and after a boot.
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { engines, everyEngine, must, output, plan, processesOfUser, results, scenario, wanted } from './turns.mjs';

const { uid, repetitions } = plan;
const image = 'bench-busybox';
const many = 50;
const booted = 100;
const scratch = '/home/bench/life';

main().catch((error) => {
  console.error(error.stack ?? String(error));
  process.exit(1);
});

async function main() {
  await everyEngine((engine) => must(engine, ['import', '/opt/bench/busybox.tar', image]));
  await statsOfMany();
  await healthChecks();
  await betweenChecks();
  await restartAfterCrash();
  await boot();
  for (const pid of processesOfUser()) process.kill(Number(pid), 'SIGKILL');
  process.stdout.write(JSON.stringify(results));
}

async function statsOfMany() {
  const name = `stats --no-stream of ${many} containers`;
  if (!wanted(name)) return;
  await everyEngine(async (engine) => {
    for (let n = 0; n < many; n++) await must(engine, ['run', '-d', '--name', `s${n}`, '--network', 'none', image, 'sleep', '100000']);
  });
  // Podman refuses where its user has no cgroup.
  const able = new Set();
  await everyEngine((engine) => must(engine, ['stats', '--no-stream']).then(() => able.add(engine), () => undefined));
  await scenario(name, { timed: (engine) => (able.has(engine) ? must(engine, ['stats', '--no-stream']) : undefined), times: Math.max(5, Math.ceil(repetitions / 2)) });
  for (const engine of engines) if (!able.has(engine)) delete results[name][engine.name];
  await everyEngine((engine) => must(engine, ['rm', '-a', '-f', '-t', '0']));
}

async function healthChecks() {
  if (!wanted('healthcheck run')) return;
  await everyEngine((engine) => must(engine, ['run', '-d', '--name', 'h', '--network', 'none', '--health-cmd', 'true', '--health-interval', 'disable', image, 'sleep', '100000']));
  await scenario('healthcheck run', { timed: (engine) => must(engine, ['healthcheck', 'run', 'h']) });
  await scenario('exec (to compare)', { timed: (engine) => must(engine, ['exec', 'h', '/bin/sh', '-c', 'true']) });
  await everyEngine((engine) => must(engine, ['rm', '-f', '-t', '0', 'h']));
}

/** What waits for the next check, in KiB; Podman has its timers in systemd, which does not run here. */
async function betweenChecks() {
  const name = 'memory between two health checks (KiB)';
  if (!wanted(name)) return;
  results[name] = {};
  for (const engine of engines) {
    if (engine.name === 'podman') continue;
    const known = new Set(processesOfUser());
    await must(engine, ['run', '-d', '--name', 'k', '--network', 'none', '--health-cmd', 'true', '--health-interval', '1h', image, 'sleep', '100000']);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const keepers = processesOfUser().filter((pid) => !known.has(pid) && read(`/proc/${pid}/cmdline`).includes('--timer'));
    results[name][engine.name] = [keepers.reduce((sum, pid) => sum + Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0), 0)];
    await must(engine, ['rm', '-f', '-t', '0', 'k']);
  }
}

/** From the SIGKILL inside to the first line of the next life. */
async function restartAfterCrash() {
  if (!wanted('restart after a crash')) return;
  const begun = (engine) => read(`${scratch}/${engine.name}/log`).split('\n').length;
  for (const engine of engines) {
    rmSync(`${scratch}/${engine.name}`, { recursive: true, force: true });
    mkdirSync(`${scratch}/${engine.name}`, { recursive: true });
    chownSync(scratch, uid, uid);
    chownSync(`${scratch}/${engine.name}`, uid, uid);
  }
  let lives;
  await scenario('restart after a crash', {
    before: async (engine) => {
      lives = begun(engine);
      await must(engine, ['run', '-d', '--name', 'r', '--network', 'none', '--restart', 'always', '-v', `${scratch}/${engine.name}:/d`, image, 'sh', '-c', 'echo >> /d/log; exec sleep 99999']);
      await until(() => begun(engine) > lives);
    },
    timed: async (engine) => {
      const first = processesOfUser().find((pid) => read(`/proc/${pid}/cmdline`) === 'sleep\x0099999\0');
      process.kill(Number(first), 'SIGKILL');
      await until(() => begun(engine) > lives + 1);
    },
    after: (engine) => must(engine, ['rm', '-f', '-t', '0', 'r']),
    times: Math.max(5, Math.ceil(repetitions / 2)),
  });
}

async function boot() {
  const name = `boot of ${booted} containers`;
  if (!wanted(name)) return;
  // One engine's run at a time: the kernel grants a user 200 keyrings, and each container has one.
  const stop = async (engine) => {
    if (engine.name !== 'limit') await must(engine, engine.name === 'podman' ? ['stop', '-a', '-t', '0'] : ['boot', 'stop']);
    // It takes its time to collect them.
    await until(() => keyrings() + booted < 190, 60_000);
  };
  await everyEngine(async (engine) => {
    for (let n = 0; n < booted; n++) await must(engine, ['run', '-d', '--name', `b${n}`, '--network', 'none', '--restart', 'always', '--stop-timeout', '0', image, 'sleep', '100000']);
    await stop(engine);
  });
  const bundle = makeBundle();
  await scenario(name, {
    who: [...engines, { name: 'limit' }],
    timed: (engine) => (engine.name === 'limit' ? crunAlone(bundle) : must(engine, engine.name === 'podman' ? ['start', '--all', '--filter', 'restart-policy=always'] : ['boot'])),
    after: stop,
    times: 3,
  });
  await everyEngine((engine) => must(engine, ['rm', '-a', '-f', '-t', '0']));
}

/** The same containers for crun alone: one read-only root for all. @returns the bundle's folder */
function makeBundle() {
  const bundle = `${scratch}/bundle`;
  rmSync(bundle, { recursive: true, force: true });
  mkdirSync(`${bundle}/rootfs`, { recursive: true });
  execFileSync('tar', ['-xf', '/opt/bench/busybox.tar', '-C', `${bundle}/rootfs`]);
  execFileSync('crun', ['spec'], { cwd: bundle });
  const config = JSON.parse(readFileSync(`${bundle}/config.json`, 'utf8'));
  config.process = { ...config.process, terminal: false, args: ['sleep', '100000'] };
  writeFileSync(`${bundle}/config.json`, JSON.stringify(config));
  execFileSync('chown', ['-R', `${uid}:${uid}`, scratch]);
  return bundle;
}

/** Eight at a time, as `scull boot` does; milliseconds without the clearing up. */
async function crunAlone(bundle) {
  const crun = `crun --root ${scratch}/crun --cgroup-manager disabled`;
  const script = `begun=$(date +%s%N)
seq ${booted} | xargs -P 8 -I N ${crun} run --detach --bundle ${bundle} N > /dev/null || exit
ended=$(date +%s%N)
running=$(${crun} list | grep -c running)
[ "$running" = ${booted} ] || { echo "$running of ${booted} run" >&2; exit 1; }
echo $((ended - begun))
seq ${booted} | xargs -P 8 -I N ${crun} delete --force N`;
  return Number(await output('unshare', ['--user', '--map-auto', '--map-root-user', '--mount', '--fork', 'sh', '-c', script], {})) / 1e6;
}

/** How many the user has: proc_key-users(5). */
function keyrings() {
  return Number(new RegExp(`^\\s*${uid}:.* (\\d+)/\\d+ \\d+/\\d+$`, 'm').exec(read('/proc/key-users'))?.[1] ?? 0);
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

async function until(condition, patience = 10_000) {
  for (let tries = 0; !condition(); tries++) {
    if (tries > patience) throw new Error(`it did not happen within ${patience} ms`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
