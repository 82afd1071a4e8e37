// The half of the bench that is about images and archives: runs like measure.mjs, inside a prepared root file system, over
// the archives that image-archives.mjs has made. Takes the engines' turns like it, with one engine more: "limit", which
// does the least that must be done (inflate and unpack the layers, copy the bytes), by tar and friends.
import { chownSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { engines as all, must, peakMemory, plan, program, results, settledScenario as scenario, wanted } from './turns.mjs';

const { uid, archives, sizes } = plan;
const home = '/home/bench';
const scratch = `${home}/scratch`;

main().catch((error) => {
  console.error(error.stack ?? String(error));
  process.exit(1);
});

async function main() {
  for (const size of sizes) {
    const times = size.name === 'small' ? Math.max(5, Math.ceil(plan.repetitions / 2)) : size.name === 'debian' ? 5 : 3;
    const oci = `${archives}/${size.name}.oci.tar`;
    const docker = `${archives}/${size.name}.docker.tar`;
    const rootfs = `${archives}/${size.name}.rootfs.tar`;
    const named = (what) => `${what}, ${size.name}`;
    const name = `docker.io/bench/${size.name}:1`;
    await scenario(named('load OCI archive'), { before: (engine) => nothing(engine), timed: (engine) => load(engine, oci), times });
    await scenario(named('load docker archive'), { before: (engine) => nothing(engine), timed: (engine) => load(engine, docker), times });
    await scenario(named('import'), { before: (engine) => nothing(engine), timed: (engine) => importTar(engine, rootfs), times });
    await scenario(named('first run after a load'), {
      before: async (engine) => {
        await nothing(engine);
        await load(engine, docker);
      },
      timed: (engine) => unlessLimit(engine, ['run', '--rm', '--network', 'none', name, '/bin/sh', '-c', ':']),
      times,
    });
    await scenario(named('rmi'), {
      before: async (engine) => {
        await nothing(engine);
        await load(engine, docker);
      },
      timed: (engine) => removeAll(engine),
      times,
    });
    if (['save OCI archive', 'save docker archive', 'peak memory of loading'].some((what) => wanted(named(what)))) {
      for (const engine of all) await nothing(engine);
      for (const engine of all) await load(engine, oci);
      await scenario(named('save OCI archive'), { timed: (engine) => save(engine, 'oci-archive', name), after: removeSaved, times });
      await scenario(named('save docker archive'), { timed: (engine) => save(engine, 'docker-archive', name), after: removeSaved, times });
    }
    await memory(named('peak memory of loading (KiB)'), oci);
  }
  for (const engine of all) await nothing(engine);
  process.stdout.write(JSON.stringify(results));
}

/** The store of an engine without any image. */
async function nothing(engine) {
  if (engine.limit) {
    rmSync(scratch, { recursive: true, force: true });
    mkdirSync(scratch);
    chownSync(scratch, uid, uid);
  } else await must(engine, ['rmi', '-a', '-f']);
}

function load(engine, archive) {
  if (!engine.limit) return must(engine, ['load', '-q', '-i', archive]);
  // Unpacked once: the layers as they are in the archive, each into a folder of its own.
  return shell(`mkdir -p ${scratch}/a && tar -x -f ${archive} -C ${scratch}/a && cd ${scratch}/a && n=0
    for blob in $(find . -type f -size +16k | sort); do n=$((n + 1)); mkdir ../$n; { gzip -dcf $blob; } | tar -x --delay-directory-restore -C ../$n; done; sync -f ${scratch}`);
}

function importTar(engine, tar) {
  return engine.limit ? shell(`mkdir ${scratch}/i; tee ${scratch}/layer < ${tar} | sha256sum >/dev/null & tar -x -f ${tar} --delay-directory-restore -C ${scratch}/i; wait; sync -f ${scratch}`) : must(engine, ['import', tar, 'bench-imported']);
}

function save(engine, format, name) {
  if (!engine.limit) return must(engine, ['save', '-q', '--format', format, '-o', `${home}/saved-${engine.name.replaceAll(' ', '-')}`, name]);
  return shell(`cat ${scratch}/a/* ${scratch}/a/blobs/sha256/* > ${home}/saved-limit 2>/dev/null || true`);
}

function removeSaved() {
  for (const file of readdirSync(home)) if (file.startsWith('saved-')) rmSync(`${home}/${file}`);
}

function removeAll(engine) {
  return engine.limit ? shell(`rm -rf ${scratch}/*`) : must(engine, ['rmi', '-a', '-f']);
}

function unlessLimit(engine, args) {
  return engine.limit ? program('/bin/true', [], {}) : must(engine, args);
}

function shell(script) {
  return program('/bin/bash', ['-c', script], {});
}

/** What an engine's processes hold of their own (not of files) at the highest, all together. */
async function memory(name, archive) {
  if (!wanted(name)) return;
  results[name] = {};
  for (const engine of all) {
    await nothing(engine);
    results[name][engine.name] = [await peakMemory(() => load(engine, archive))];
  }
  process.stderr.write(`  ${name} ${all.map((engine) => Math.round(results[name][engine.name][0])).join('  ')}\n`);
}
