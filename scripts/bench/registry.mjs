// The half of the bench that is about registries: pull and push, against Debian's docker-registry on loopback. Runs like
// measure.mjs, inside a prepared root file system; the registries are outside (registry-server.mjs). Takes the engines' turns
// like it, with one engine more: "limit", which fetches, hashes, inflates and unpacks the same layers by bash, sha256sum,
// gzip and tar, or sends the same bytes.
import { chownSync, mkdirSync, rmSync } from 'node:fs';
import { engines as all, must, peakMemory, plan, program, results, settledScenario as scenario, unflushed, wanted } from './turns.mjs';

const { uid, sizes, registry } = plan;
const scratch = '/home/bench/scratch';
let pushes = 0;

main().catch((error) => {
  console.error(error.stack ?? String(error));
  process.exit(1);
});

async function main() {
  for (const size of sizes) {
    const times = size.name === 'small' ? Math.max(5, Math.ceil(plan.repetitions / 2)) : size.name === 'debian' ? 5 : 3;
    const named = (what) => `${what}, ${size.name}`;
    const name = (tag) => `${registry.host}/bench/${size.name}:${tag}`;
    const pulled = async (engine) => {
      await nothing(engine);
      await pull(engine, name('gzip'), registry.layers[`${size.name}:gzip`]);
    };
    for (const tag of ['gzip', 'zstd']) await scenario(named(`pull ${tag}`), { before: nothing, timed: (engine) => pull(engine, name(tag), registry.layers[`${size.name}:${tag}`]), times });
    await scenario(named('pull gzip, not flushed'), { before: nothing, timed: (engine) => pull(unflushed(engine), name('gzip')), who: all.filter((engine) => !engine.limit), times });
    await scenario(named('first run after a pull'), {
      before: pulled,
      timed: (engine) => (engine.limit ? program('/bin/true', [], {}) : must(engine, ['run', '--rm', '--network', 'none', name('gzip'), '/bin/sh', '-c', ':'])),
      times,
    });
    if (wanted(named('pull of what is there'))) {
      for (const engine of all) await pulled(engine);
      await scenario(named('pull of what is there'), { timed: (engine) => (engine.limit ? get(`/v2/bench/${size.name}/manifests/gzip`, 'cat >/dev/null') : pull(engine, name('gzip'))), times });
    }
    await scenario(named('push'), {
      // Nobody may know of an earlier push: blobs would be mounted from there instead of sent.
      before: async (engine) => {
        forgetBlobs();
        await pulled(engine);
      },
      timed: (engine) => push(engine, name('gzip'), registry.layers[`${size.name}:gzip`]),
      times,
    });
    if (wanted(named('peak memory of pulling (KiB)'))) {
      const key = named('peak memory of pulling (KiB)');
      results[key] = {};
      for (const engine of all.filter((one) => !one.limit)) {
        await nothing(engine);
        results[key][engine.name] = [await peakMemory(() => pull(engine, name('gzip')))];
      }
      process.stderr.write(`  ${key} ${Object.values(results[key]).map(([kilobytes]) => Math.round(kilobytes)).join('  ')}\n`);
    }
  }
  for (const engine of all) await nothing(engine);
  process.stdout.write(JSON.stringify(results));
}

/** The store of an engine without any image. */
async function nothing(engine) {
  if (!engine.limit) return must(engine, ['rmi', '-a', '-f']);
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch);
  chownSync(scratch, uid, uid);
}

function pull(engine, name, layers = []) {
  if (!engine.limit) return must(engine, ['pull', '-q', '--tls-verify=false', name]);
  const inflate = name.endsWith(':zstd') ? 'zstd -dc' : 'gzip -dc';
  const one = ({ path }, index) => `mkdir -p ${scratch}/${index}; get ${path} | tee ${scratch}/${index}.blob >(sha256sum >/dev/null) | ${inflate} | tar -x --delay-directory-restore -C ${scratch}/${index}`;
  return shell(`${GET}\n${layers.map(one).join('\n')}\nwait; sync -f ${scratch}`);
}

function push(engine, name, layers) {
  pushes += 1;
  const target = `${registry.pushHost}/pushed-${pushes}/app:1`;
  if (!engine.limit) return must(engine, ['push', '-q', '--tls-verify=false', name, target]);
  const one = ({ path }, index) => `sha256sum < ${scratch}/${index}.blob >/dev/null; put pushed-${pushes}/app ${path.split('/').at(-1)} ${scratch}/${index}.blob`;
  return shell(`${PUT}\n${layers.map(one).join('\n')}`);
}

/** What Podman remembers of where blobs are would turn the next push into a mount. */
function forgetBlobs() {
  rmSync('/home/bench/.local/share/containers/cache', { recursive: true, force: true });
}

const GET = `get() { exec 3<>/dev/tcp/${registry.host.replace(':', '/')}; printf 'GET %s HTTP/1.0\\r\\n\\r\\n' "$1" >&3; while IFS= read -r line <&3; do [ "$line" = $'\\r' ] && break; done; cat <&3; exec 3>&-; }`;

/** The least that a registry can be sent a blob by: two requests. */
const PUT = `ask() { exec 3<>/dev/tcp/${registry.pushHost.replace(':', '/')}; printf '%s HTTP/1.1\\r\\nHost: registry\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n' "$1" "$2" >&3; }
put() { ask "POST /v2/$1/blobs/uploads/" 0; place=$(sed -n 's/^Location: [a-z]*:..registry//Ip' <&3 | tr -d '\\r'); ask "PUT $place&digest=$2" $(stat -c %s $3); cat $3 >&3; IFS= read -r line <&3; exec 3>&-; case $line in *201*) ;; *) echo "$line" >&2; return 1;; esac; }`;

function get(path, sink) {
  return shell(`${GET}\nget ${path} | ${sink}`);
}

function shell(script) {
  return program('/bin/bash', ['-c', script], {});
}
