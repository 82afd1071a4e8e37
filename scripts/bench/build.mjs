// The part of the bench that builds images: runs like measure.mjs, inside a prepared root file system.
import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { everyEngine, must, plan, results, scenario, settle, wanted } from './turns.mjs';

const { uid, repetitions } = plan;
const engines = plan.engines.filter(({ limit }) => limit !== true);
plan.engines.splice(0, plan.engines.length, ...engines);
const image = 'localhost/bench-busybox';
const place = '/home/bench/build';
const FILES = 20_000;

main().catch((error) => {
  console.error(error.stack ?? String(error));
  process.exit(1);
});

async function main() {
  await everyEngine((engine) => must(engine, ['import', '/opt/bench/busybox.tar', image]));
  rmSync(place, { recursive: true, force: true });
  const times = Math.max(3, Math.ceil(repetitions / 3));

  await tenSteps(times);
  await fourStages(times);
  await manyFiles(times);
  process.stdout.write(JSON.stringify(results));
}

async function tenSteps(times) {
  const ten = context('ten', [`FROM ${image}`, ...Array.from({ length: 10 }, (_, n) => `RUN echo ${n} > /f${n}`)]);
  await scenario('build, ten RUN steps', { timed: (engine) => build(engine, ten, '--no-cache'), times });
  const cached = 'build, ten RUN steps, all cached';
  if (wanted(cached)) await everyEngine((engine) => build(engine, ten));
  await scenario(cached, { timed: (engine) => build(engine, ten) });
}

/** Equal work on processor and disk in each stage, so that two cores can halve it. */
async function fourStages(times) {
  const work = 'RUN i=0; while test $i -lt 200000; do i=$((i+1)); done; echo $i > /done';
  const names = ['a', 'b', 'c', 'd'];
  const stages = context('stages', [...names.flatMap((name) => [`FROM ${image} AS ${name}`, work]), `FROM ${image}`, ...names.map((name) => `COPY --from=${name} /done /${name}`)]);
  await scenario('build, four stages', { timed: (engine) => build(engine, stages, '--no-cache'), times });
}

async function manyFiles(times) {
  const copied = `build, COPY of ${FILES} files`;
  const cached = `${copied}, cached`;
  if (!wanted(copied) && !wanted(cached)) return;
  const many = context('many', [`FROM ${image}`, 'COPY files /files']);
  for (let n = 0; n < FILES; n++) {
    const folder = `${many}/files/${n % 100}`;
    if (n < 100) mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/${n}`, `file ${n}\n`.repeat(20));
  }
  // One file is another one each time, so that nobody finds what he copied before, and has to remove it again.
  let turn = 0;
  const before = () => {
    writeFileSync(`${many}/files/0/0`, `turn ${++turn}\n`);
    settle(place);
  };
  await scenario(copied, { before, timed: (engine) => build(engine, many), times });
  if (wanted(cached)) await everyEngine((engine) => build(engine, many));
  await scenario(cached, { timed: (engine) => build(engine, many), times });
}

function build(engine, directory, ...more) {
  return must(engine, ['build', '-q', '--network=none', '-t', 'bench-built', ...more, directory]);
}

function context(name, lines) {
  const directory = `${place}/${name}`;
  mkdirSync(directory, { recursive: true });
  writeFileSync(`${directory}/Containerfile`, `${lines.join('\n')}\n`);
  chownSync(place, uid, uid);
  return directory;
}
