// The part of the bench that is about units: runs like measure.mjs, inside a prepared root file system, with a user's systemd in it.
// How much longer a unit's start takes than `run -d`, and how long a hundred take at once, as after a boot.
import { execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { engines, must, output, peakMemory, plan, processesOfUser, program, results, scenario, wanted } from './turns.mjs';

const { uid } = plan;
/** Debian 12's Podman knows no Quadlet files. */
const quadlet = '/usr/libexec/podman/quadlet';
const who = engines.filter(({ name }) => name !== 'podman' || existsSync(quadlet));
const image = 'bench-busybox';
const many = 100;
const ONE = 'start of a unit';
const MANY = `start of ${many} units at once`;
const home = '/home/bench';
const folder = `${home}/.config/systemd/user`;
/** The manager has a runtime directory of its own; the engines keep theirs. */
const runtime = `/run/user/${uid}/manager`;

/** What units say: there is no journal. */
const said = `${home}/units.log`;

main().catch((error) => {
  console.error(error.stack ?? String(error));
  if (existsSync(said)) console.error(`units said at last:\n${readFileSync(said, 'utf8').slice(-2000)}`);
  process.exit(1);
});

async function main() {
  for (const engine of who) await must(engine, ['import', '/opt/bench/busybox.tar', image]);
  const manager = await startManager();
  const names = [...(wanted(ONE) ? ['one', 'split'] : []), ...(wanted(MANY) ? Array.from({ length: many }, (_, n) => `of-many-${n}`) : [])];
  for (const engine of who) for (const name of names) await unit(engine, name);
  await systemctl('daemon-reload');
  await oneUnit();
  await manyUnits();
  manager.kill();
  for (const pid of processesOfUser()) process.kill(Number(pid), 'SIGKILL');
  process.stdout.write(JSON.stringify(results));
}

/** A systemd of the user's, in a cgroup of his own: what logind would start. */
async function startManager() {
  const cgroup = `/sys/fs/cgroup/bench-${process.pid}`;
  mkdirSync(cgroup);
  // It asks whether the machine was booted by systemd, sd_booted(3).
  mkdirSync('/run/systemd/system', { recursive: true });
  for (const path of [cgroup, `${cgroup}/cgroup.procs`, `${cgroup}/cgroup.subtree_control`, `${cgroup}/cgroup.threads`]) chownSync(path, uid, uid);
  execFileSync('install', ['-d', '-o', String(uid), '-g', String(uid), '-m', '0700', runtime]);
  execFileSync('install', ['-d', '-o', String(uid), '-g', String(uid), folder.slice(0, folder.lastIndexOf('/')), folder, `${home}/.config`]);
  const child = spawn('sh', ['-c', `echo $$ > ${cgroup}/cgroup.procs; exec setpriv --reuid ${uid} --regid ${uid} --clear-groups /usr/lib/systemd/systemd --user --log-level=err`], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { HOME: home, USER: 'bench', PATH: '/usr/bin:/bin', XDG_RUNTIME_DIR: runtime },
  });
  for (let tries = 0; !existsSync(`${runtime}/systemd/private`); tries++) {
    if (tries > 500 || child.exitCode !== null) throw new Error('systemd --user does not come up');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return child;
}

function systemctl(...words) {
  return program('systemctl', ['--user', ...words], { XDG_RUNTIME_DIR: runtime });
}

/** Made by each engine's own reading of one Quadlet file. */
async function unit(engine, name) {
  const files = `${home}/quadlet-${slug(engine)}`;
  const file = `${files}/${service(engine, name)}.container`;
  mkdirSync(files, { recursive: true });
  // Podman's would wait for a network that comes up, with the system's manager, which is not here; and it splits no cgroup where the host
  // has some of version 1, so that is measured of ours alone.
  const cgroup = engine.name === 'podman' || name !== 'split' ? 'CgroupsMode=disabled\n' : '';
  const ofPodman = engine.name === 'podman' ? '[Quadlet]\nDefaultDependencies=false\n' : '';
  writeFileSync(file, `[Unit]\nStartLimitIntervalSec=0\n[Container]\nImage=localhost/${image}\nNetwork=none\nStopTimeout=0\nExec=sleep 100000\n${cgroup}${ofPodman}`);
  let text;
  if (engine.name === 'podman') {
    const units = await output(quadlet, ['-user', '-dryrun'], { QUADLET_UNIT_DIRS: files });
    text = units.slice(units.indexOf(`---${service(engine, name)}.service---`)).split('\n').slice(1).join('\n').split(/^---/m)[0];
    rmSync(file);
  } else {
    text = await output(engine.command[0], [...engine.command.slice(1), 'unit', 'print', file], engine.env);
  }
  const settings = [`StandardError=append:${said}\n`, ...Object.entries(engine.env).map(([key, value]) => `Environment=${key}=${value}\n`)].join('');
  writeFileSync(`${folder}/${service(engine, name)}.service`, text.replace('[Service]\n', `[Service]\n${settings}`));
}

function slug({ name }) {
  return name.toLowerCase().replaceAll(' ', '-');
}

function service(engine, name) {
  return `${slug(engine)}-${name}`;
}

async function oneUnit() {
  if (!wanted(ONE)) return;
  await scenario(ONE, {
    who,
    timed: (engine) => systemctl('start', service(engine, 'one')),
    after: (engine) => systemctl('stop', service(engine, 'one')),
  });
  const ours = who.filter(({ name }) => name !== 'podman');
  await scenario(`${ONE} with its cgroup split`, {
    who: ours,
    timed: (engine) => systemctl('start', service(engine, 'split')),
    after: (engine) => systemctl('stop', service(engine, 'split')),
  });
  // What systemd itself takes for any service, in a cgroup of its own as well.
  writeFileSync(`${folder}/nothing.service`, '[Service]\nType=oneshot\nRemainAfterExit=yes\nDelegate=yes\nExecStart=/bin/true\n');
  await systemctl('daemon-reload');
  await scenario(`${ONE} of /bin/true (to compare)`, { who, timed: () => systemctl('start', 'nothing'), after: () => systemctl('stop', 'nothing') });
  let turn = 0;
  await scenario(`${ONE} as run -d --rm --replace (to compare)`, {
    who,
    timed: (engine) => must(engine, ['run', '-d', '--rm', '--replace', '--name', `n${(turn += 1)}`, '--network', 'none', '--stop-timeout', '0', image, 'sleep', '100000']),
    after: (engine) => must(engine, ['rm', '-f', '-t', '0', `n${turn}`]),
  });
}

async function manyUnits() {
  if (!wanted(MANY)) return;
  const memory = `memory at its peak, ${MANY} (KiB)`;
  results[memory] = Object.fromEntries(who.map((engine) => [engine.name, []]));
  await scenario(MANY, {
    who,
    timed: async (engine) => {
      const services = Array.from({ length: many }, (_, n) => service(engine, `of-many-${n}`));
      results[memory][engine.name].push(await peakMemory(() => systemctl('start', ...services)));
    },
    after: (engine) => systemctl('stop', `${slug(engine)}-of-many-*`),
    times: 3,
  });
}
