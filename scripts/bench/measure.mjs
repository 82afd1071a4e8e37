// The measuring half of the bench: runs as root inside a prepared root file system (see bench.mjs), starts every
// measured command as an unprivileged user, and prints one JSON document: milliseconds of each engine in each scenario.
// (turns.mjs tells how.)
import { readFileSync } from 'node:fs';
import { everyEngine, must, plan, processesOfUser, program, results, scenario, wanted } from './turns.mjs';

const { engines, repetitions, stoppedContainers, logMegabytes } = plan;
const image = 'bench-busybox';

main().catch((error) => {
  console.error(error.stack ?? String(error));
  process.exit(1);
});

async function main() {
  for (const engine of engines) await must(engine, ['import', '/opt/bench/busybox.tar', image]);
  await scenario('(spawn of /bin/true)', { timed: () => program('/bin/true', [], {}) });
  await scenario('version', { timed: (engine) => must(engine, ['version']) });
  await scenario('run --rm, no network', { timed: (engine) => must(engine, ['run', '--rm', '--network', 'none', image, 'true']) });
  await scenario('run --rm, default network', { timed: (engine) => must(engine, ['run', '--rm', image, 'true']) });
  await scenario('run -d, no network', {
    timed: (engine) => must(engine, ['run', '-d', '--name', 'd', '--network', 'none', image, 'sleep', '1000']),
    after: (engine) => remove(engine, 'd'),
  });
  await scenario('run -d, default network', {
    timed: (engine) => must(engine, ['run', '-d', '--name', 'd', image, 'sleep', '1000']),
    after: (engine) => remove(engine, 'd'),
  });
  await scenario('start', {
    before: (engine) => must(engine, ['create', '--name', 's', '--network', 'none', image, 'sleep', '1000']),
    timed: (engine) => must(engine, ['start', 's']),
    after: (engine) => remove(engine, 's'),
  });
  await scenario('stop', {
    // With an init the signal ends the container at once: what is measured is the engine, not the grace period.
    before: (engine) => must(engine, ['run', '-d', '--init', '--name', 's', '--network', 'none', image, 'sleep', '1000']),
    timed: (engine) => must(engine, ['stop', 's']),
    after: (engine) => remove(engine, 's'),
  });
  await scenario('rm -f of a running one', {
    before: (engine) => must(engine, ['run', '-d', '--init', '--name', 's', '--network', 'none', image, 'sleep', '1000']),
    timed: (engine) => must(engine, ['rm', '-f', 's']),
  });
  await everyEngine((engine) => must(engine, ['run', '-d', '--name', 'e', '--network', 'none', image, 'sleep', '100000']));
  await scenario('exec', { timed: (engine) => must(engine, ['exec', 'e', 'true']) });
  await everyEngine((engine) => remove(engine, 'e'));

  await everyEngine((engine) => must(engine, ['run', '--name', 'one', '--network', 'none', image, 'true']));
  await questions('1 container');
  if (stoppedContainers > 1 && wanted(`ps -a, ${stoppedContainers} containers`)) {
    await everyEngine((engine) => manyAtATime(engine, 4, stoppedContainers - 1, ['run', '--network', 'none', image, 'true']));
    await questions(`${stoppedContainers} containers`);
    await scenario(`run --rm, no network, ${stoppedContainers} containers`, { timed: (engine) => must(engine, ['run', '--rm', '--network', 'none', image, 'true']) });
    await everyEngine((engine) => must(engine, ['rm', '-a', '-f']));
  } else {
    await everyEngine((engine) => remove(engine, 'one'));
  }

  await scenario('50 run --rm, eight at a time', {
    timed: (engine) => manyAtATime(engine, 8, 50, ['run', '--rm', '--network', 'none', image, 'true']),
    times: Math.max(3, Math.ceil(repetitions / 5)),
  });

  if (wanted(`logs of ${logMegabytes} MB`)) {
    const text = `yes "$(printf '%.0s0123456789' 1 2 3 4 5 6 7 8)" | head -c ${logMegabytes}000000`;
    await everyEngine((engine) => must(engine, ['run', '-d', '--name', 'l', '--network', 'none', image, 'sh', '-c', text]));
    await everyEngine((engine) => must(engine, ['wait', 'l']));
    await scenario(`logs of ${logMegabytes} MB`, { timed: (engine) => piped(engine, ['logs', 'l']), times: Math.max(3, Math.ceil(repetitions / 5)) });
    await everyEngine((engine) => remove(engine, 'l'));
  }

  await memory('memory of an idle container, no network (KiB)', ['--network', 'none']);
  await memory('memory of an idle container, default network (KiB)', []);
  // Podman's pause process would stay for ever.
  for (const pid of processesOfUser()) process.kill(Number(pid), 'SIGKILL');
  process.stdout.write(JSON.stringify(results));
}

async function questions(how) {
  await scenario(`ps -a, ${how}`, { timed: (engine) => must(engine, ['ps', '-a']) });
  await scenario(`images, ${how}`, { timed: (engine) => must(engine, ['images']) });
  await scenario(`inspect, ${how}`, { timed: (engine) => must(engine, ['inspect', 'one']) });
}

/** What a detached container costs besides its own process: monitor, network process, whatever the engine leaves. */
async function memory(name, options) {
  if (!wanted(name)) return;
  const instances = 4;
  results[name] = {};
  for (const engine of engines) {
    const known = new Set(processesOfUser());
    for (let i = 0; i < instances; i++) await must(engine, ['run', '-d', '--name', `m${i}`, ...options, image, 'sleep', '1000']);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const parts = {};
    let total = 0;
    for (const pid of processesOfUser().filter((pid) => !known.has(pid))) {
      const { command, kilobytes } = proportionalSetSize(pid);
      if (command === 'sleep') continue;
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
    const kilobytes = Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    return { command, kilobytes };
  } catch {
    return { command: '(ended)', kilobytes: 0 };
  }
}

async function manyAtATime(engine, width, count, args) {
  let left = count;
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (left-- > 0) await must(engine, args);
    }),
  );
}

function remove(engine, name) {
  return must(engine, ['rm', '-f', '-t', '0', name]);
}

/** Through a pipe, as in `logs | grep`: /dev/null would let a program cheat. */
function piped(engine, args) {
  const quoted = [...engine.command, ...args].map((word) => `'${word}'`).join(' ');
  return program('/bin/sh', ['-c', `${quoted} | cat > /dev/null`], engine.env);
}
