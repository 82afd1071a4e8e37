// The part of the bench that is about the store itself: runs like measure.mjs, inside a prepared root file system. What flushing
// costs, what many images cost commands that are about something else, and how a crowd of commands shares the cores.
import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { engines, everyEngine, must, plan, program, results, scenario, wanted } from './turns.mjs';

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

function unflushed(engine) {
  return { ...engine, env: { ...engine.env, SCULL_NO_FLUSH: '1' } };
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
  await scenario('64 mixed commands at once', {
    // No figure of its own, as a returned one would be.
    timed: async (engine) => void (await Promise.all(commands.map((args) => must(engine, args)))),
    after: async (engine) => {
      await must(engine, ['rm', '-a', '-f', '-t', '0']);
      await must(engine, ['volume', 'prune', '-a', '-f']).catch(() => must(engine, ['volume', 'prune', '-f']));
      await must(engine, ['rmi', ...commands.flatMap((args, n) => (args[0] === 'tag' ? [`crowd:${n}`] : []))]);
    },
    times,
  });
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
    for (const [name, args] of questions(how)) await scenario(name, { timed: (engine) => must(engine, args), times });
  };
  if (!questions(`${many} images`).some(([name]) => wanted(name))) return;
  await ask('1 image');
  await everyEngine(async (engine) => {
    for (let n = 0; n < many; n++) await must(engine, ['import', '-c', `LABEL n=${n}`, '/opt/bench/busybox.tar', `many:${n}`]);
  });
  await ask(`${many} images`);
}
