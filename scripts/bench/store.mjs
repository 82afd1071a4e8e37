// The part of the bench that is about the store itself: runs like measure.mjs, inside a prepared root file system. What flushing
// costs, what many images cost commands that are about something else, how a crowd of commands shares the cores, and how fast the store is checked.
import { chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { engines, everyEngine, must, plan, program, results, scenario, unflushed, wanted } from './turns.mjs';

const image = 'bench-busybox';
const many = 200;
const scratch = '/home/bench/store';
const times = Math.min(plan.repetitions, 9);

main().catch((error) => {
  console.error(error.stack ?? String(error));
  process.exit(1);
});

async function main() {
  await everyEngine((engine) => must(engine, ['import', '/opt/bench/busybox.tar', image]));
  await flushing();
  await crowd();
  await checking();
  await manyImages();
  process.stdout.write(JSON.stringify(results));
}

/** 2000 files of 40 KB in one layer, which compression gains nothing on. */
async function flushing() {
  const name = 'load of 80 MB in 2000 files';
  if (!wanted(name)) return;
  const tree = join(scratch, 'tree');
  mkdirSync(tree, { recursive: true });
  chownSync(scratch, plan.uid, plan.uid);
  for (let n = 0; n < 2000; n++) writeFileSync(join(tree, `f${n}`), randomBytes(40_000));
  await program('/bin/sh', ['-c', `tar -cf ${scratch}/tree.tar -C ${tree} .`], {});
  rmSync(tree, { recursive: true });
  const archive = join(scratch, 'image.tar');
  await must(engines[0], ['import', `${scratch}/tree.tar`, 'flushed']);
  await must(engines[0], ['save', '-q', '--format', 'docker-archive', '-o', archive, 'flushed']);
  await must(engines[0], ['rmi', '-f', 'flushed']);
  const after = (engine) => must(engine, ['rmi', '-f', 'flushed']);
  await scenario(name, { timed: (engine) => must(engine, ['load', '-q', '-i', archive]), after, times });
  // Podman never flushes: its times are there to compare with.
  await scenario(`${name}, not flushed`, { timed: (engine) => must(unflushed(engine), ['load', '-q', '-i', archive]), after, times });
  rmSync(scratch, { recursive: true, force: true });
}

/** A command of each kind, again and again, all at once. */
async function crowd() {
  const kinds = (n) => [
    ['run', '--rm', '--network', 'none', image, 'true'],
    ['create', '--name', `crowd${n}`, '--network', 'none', image, 'true'],
    ['tag', image, `crowd:${n}`],
    ['volume', 'create', `crowd${n}`],
    ['ps', '-a'],
    ['images'],
    ['inspect', image],
    ['volume', 'ls'],
  ];
  const commands = Array.from({ length: 64 }, (_, n) => kinds(n)[n % 8]);
  const name = '64 mixed commands at once';
  // No figure of its own, as a returned one would be.
  const together = async (engine) => void (await Promise.all(commands.map((args) => must(engine, args))));
  const after = async (engine) => {
    await must(engine, ['rm', '-a', '-f', '-t', '0']);
    await must(engine, ['volume', 'prune', '-a', '-f']).catch(() => must(engine, ['volume', 'prune', '-f']));
    await must(engine, ['rmi', ...commands.flatMap((args, n) => (args[0] === 'tag' ? [`crowd:${n}`] : []))]);
  };
  await scenario(name, { timed: together, after, times });
  // Half of the cores should take twice as long: what waits for a lock is no quicker with more of them.
  await scenario(`${name}, on one core`, { timed: (engine) => together({ ...engine, command: ['taskset', '-c', '0', ...engine.command] }), after, times });
  await scenario(`${name}: idle time of all cores (ms)`, { timed: (engine) => idleWhile(() => together(engine)), after, times });
}

/** Milliseconds that processors had nothing to do, all together; waiting for the disk counts. */
async function idleWhile(action) {
  const idle = () => /^cpu +(?:\d+ ){3}(\d+) (\d+)/.exec(readFileSync('/proc/stat', 'utf8')).slice(1).reduce((sum, ticks) => sum + Number(ticks) * 10, 0);
  const before = idle();
  await action();
  return idle() - before;
}

/** A gigabyte as a blob and once more unpacked, read from the disk. The limit is cat(1). */
async function checking() {
  const name = 'system check of 2 GB';
  if (!wanted(name)) return;
  mkdirSync(scratch, { recursive: true });
  for (let n = 0; n < 16; n++) writeFileSync(join(scratch, `f${n}`), randomBytes(64 << 20));
  chownSync(scratch, plan.uid, plan.uid);
  await program('/bin/sh', ['-c', `tar -cf ${scratch}/tree.tar -C ${scratch} ${Array.from({ length: 16 }, (_, n) => `f${n}`).join(' ')}`], {});
  await everyEngine((engine) => must(engine, ['import', `${scratch}/tree.tar`, 'checked']));
  rmSync(scratch, { recursive: true });
  await scenario(name, {
    before: () => writeFileSync('/proc/sys/vm/drop_caches', '3'),
    timed: (engine) => (engine.limit ? program('/bin/sh', ['-c', `find ${engines[1].env.XDG_DATA_HOME} -type f -print0 | xargs -0 cat >/dev/null`], {}) : must(engine, ['system', 'check'])),
    who: [...(await checkers()), { name: 'limit', limit: true }],
    times: Math.min(times, 3),
  });
  await everyEngine((engine) => must(engine, ['rmi', '-f', 'checked']));
}

/** Debian 12's Podman can't. */
async function checkers() {
  const able = await Promise.all(engines.map((engine) => must(engine, ['system', 'check', '--help']).then(() => true, () => false)));
  return engines.filter((_, index) => able[index]);
}

async function manyImages() {
  const questions = (how) => [
    [`ps -a, ${how}`, ['ps', '-a']],
    [`images, ${how}`, ['images']],
    [`run --rm, no network, ${how}`, ['run', '--rm', '--network', 'none', image, 'true']],
    [`system df, ${how}`, ['system', 'df']],
    [`system check --quick, ${how}`, ['system', 'check', '--quick']],
  ];
  const ask = async (how) => {
    for (const [name, args] of questions(how)) await scenario(name, { timed: (engine) => must(engine, args), times, who: args[1] === 'check' ? await checkers() : engines });
  };
  if (!questions(`${many} images`).some(([name]) => wanted(name))) return;
  await ask('1 image');
  await everyEngine(async (engine) => {
    for (let n = 0; n < many; n++) await must(engine, ['import', '-c', `LABEL n=${n}`, '/opt/bench/busybox.tar', `many:${n}`]);
  });
  await ask(`${many} images`);
}
