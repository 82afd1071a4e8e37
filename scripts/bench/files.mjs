// The half of the bench that is about files of containers: runs like measure.mjs, inside a prepared root file system. A
// container with 20,000 changed files and 1 GB of noise is compared, committed, exported, and copied from and to.
import { chownSync, mkdirSync, rmSync } from 'node:fs';
import { engines, everyEngine, must, plan, program, results, settledScenario as scenario, wanted } from './turns.mjs';

const image = 'bench-busybox';
const scratch = '/home/bench/files';
const times = Math.min(plan.repetitions, 5);
const CHANGES =
  'b=/bin/busybox; $b mkdir /data /tree; for d in $($b seq 100); do $b mkdir /tree/$d; i=0; while [ $i -lt 200 ]; do echo "$d $i" >/tree/$d/$i; i=$((i+1)); done; done; $b dd if=/dev/urandom of=/data/big bs=1M count=1024 2>/dev/null';

main().catch((error) => {
  console.error(error.stack ?? String(error));
  process.exit(1);
});

async function main() {
  const names = ['diff, 20,000 files', 'commit, 20,000 files and 1 GB', 'export, 20,000 files and 1 GB', 'cp of 1 GB out', 'cp of 1 GB in', 'cp of 20,000 files out', 'cp of 20,000 files in'];
  if (names.some(wanted)) {
    mkdirSync(scratch, { recursive: true });
    chownSync(scratch, plan.uid, plan.uid);
    await everyEngine((engine) => must(engine, ['import', '/opt/bench/busybox.tar', image]));
    await everyEngine((engine) => must(engine, ['run', '--name', 'changed', '--network', 'none', image, 'sh', '-c', CHANGES]));
    await measure(names);
    await everyEngine((engine) => must(engine, ['rm', '-a', '-f', '-t', '0']));
    rmSync(scratch, { recursive: true, force: true });
  }
  process.stdout.write(JSON.stringify(results));
}

async function measure([diff, commit, exporting, bigOut, bigIn, treeOut, treeIn]) {
  await scenario(diff, { timed: (engine) => must(engine, ['diff', 'changed']), times });
  await scenario(commit, { timed: (engine) => must(engine, ['commit', '-q', 'changed', 'committed']), after: (engine) => must(engine, ['rmi', '-f', 'committed']), times });
  await scenario(exporting, { timed: (engine) => must(engine, ['export', '-o', `${scratch}/export.tar`, 'changed']), after: () => remove('export.tar'), times });
  await scenario(bigOut, { timed: (engine) => must(engine, ['cp', 'changed:/data/big', `${scratch}/big`]), after: () => remove('big'), times });
  // The sources of the other direction belong to the caller, as his files do.
  await must(engines[0], ['cp', 'changed:/data/big', `${scratch}/big`]);
  await must(engines[0], ['cp', 'changed:/tree', `${scratch}/tree`]);
  const into = async (name, source) => {
    let count = 0;
    await scenario(name, {
      before: (engine) => must(engine, ['create', '--name', `${source}${++count}`, '--network', 'none', image, 'true']),
      timed: (engine) => must(engine, ['cp', `${scratch}/${source}`, `${source}${count}:/copied`]),
      after: (engine) => source === 'tree' || must(engine, ['rm', '-f', '-t', '0', `${source}${count}`]),
      times,
    });
  };
  // No copy of the trees is removed before the end: making files where others were removed minutes ago takes ext4 many times as
  // long (recently_deleted() in the kernel), whoever makes them, and nothing else would be measured.
  let count = 0;
  await scenario(treeOut, { timed: (engine) => must(engine, ['cp', 'changed:/tree', `${scratch}/tree${++count}`]), times });
  await into(treeIn, 'tree');
  await into(bigIn, 'big');
}

function remove(name) {
  return program('rm', ['-rf', `${scratch}/${name}`], {});
}
