// What the measuring halves of the bench share: starting commands as the unprivileged user, and taking turns.
//
// All engines take turns within each scenario (A B C, then C B A, …), so what else the machine does hits them alike.
// A time is that of the whole process as its caller sees it: from spawn to exit.
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export const plan = JSON.parse(process.argv[2]);
export const { engines } = plan;
const { uid, repetitions, only } = plan;
/** Milliseconds (of memory: KiB) of each engine in each scenario. */
export const results = {};

export function wanted(name) {
  return only === undefined || name.includes(only);
}

/** `timed` may tell what was measured; else it is the time that it takes. @param who takes turns, all engines unless given */
export async function scenario(name, { before, timed, after, times = repetitions, who = engines }) {
  if (!wanted(name)) return;
  process.stderr.write(`  ${name} `);
  const samples = Object.fromEntries(who.map((engine) => [engine.name, []]));
  // One turn more than counted: the first warms caches.
  for (let turn = 0; turn <= times; turn++) {
    for (const engine of turn % 2 === 0 ? who : [...who].reverse()) {
      if (before) await before(engine);
      const begun = process.hrtime.bigint();
      const told = await timed(engine);
      const milliseconds = told ?? Number(process.hrtime.bigint() - begun) / 1e6;
      if (after) await after(engine);
      if (turn > 0) samples[engine.name].push(milliseconds);
    }
  }
  results[name] = samples;
  process.stderr.write(`${who.map((engine) => median(samples[engine.name]).toFixed(1)).join('  ')}\n`);
}

/**
 * Waits until everything that was written is on the disk: one engine flushes what it writes, and would have to wait for what
 * the others have left to be written; and what is to be removed was not written a moment ago, as a rule.
 */
export function settle(place) {
  execFileSync('sync', ['-f', place]);
}

/** A {@link scenario} in which every turn begins with a disk that has nothing left to do. */
export function settledScenario(name, { before, ...rest }) {
  const settled = async (engine) => {
    await before?.(engine);
    settle('/home/bench');
  };
  return scenario(name, { ...rest, before: settled });
}

export async function everyEngine(action) {
  for (const engine of engines) await action(engine);
}

/** The same, without flushing what it writes; Podman never does. */
export function unflushed(engine) {
  return { ...engine, env: { ...engine.env, SCULL_NO_FLUSH: '1' } };
}

export function must(engine, args) {
  return program(engine.command[0], [...engine.command.slice(1), ...args], engine.env);
}

/** What a command of an engine says on standard output. */
export function said(engine, args) {
  return output(engine.command[0], [...engine.command.slice(1), ...args], engine.env);
}

export async function program(file, args, env) {
  await start(file, args, env, 'ignore');
}

export async function output(file, args, env) {
  let text = '';
  await start(file, args, env, 'pipe', (chunk) => (text += chunk));
  return text;
}

function start(file, args, env, stdout, onOutput) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { uid, gid: uid, env: environment(env), cwd: '/', stdio: ['ignore', stdout, 'pipe'] });
    let complaint = '';
    child.stderr.on('data', (chunk) => (complaint += chunk));
    child.stdout?.on('data', onOutput);
    child.once('error', reject);
    // 'exit', not 'close': a monitor that keeps standard error open must not count as the command's time.
    child.once(stdout === 'pipe' ? 'close' : 'exit', (code, signal) => (code === 0 ? resolve() : reject(new Error(`${file} ${args.join(' ')}: exit ${code ?? signal}\n${complaint}`))));
    child.once('exit', () => child.stderr.destroy());
  });
}

export function processesOfUser() {
  return readdirSync('/proc').filter((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      return new RegExp(`^Uid:\\s+${uid}\\s`, 'm').test(readFileSync(`/proc/${entry}/status`, 'utf8'));
    } catch {
      return false; // it ended while we looked
    }
  });
}

/** KiB of anonymous memory of all the user's processes at their highest while `action` runs, beyond what they had before. */
export async function peakMemory(action) {
  const before = anonymousMemory();
  let peak = 0;
  const timer = setInterval(() => (peak = Math.max(peak, anonymousMemory() - before)), 10);
  try {
    await action();
  } finally {
    clearInterval(timer);
  }
  return peak;
}

function anonymousMemory() {
  let total = 0;
  for (const pid of processesOfUser()) {
    try {
      total += Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    } catch {
      // It ended while we looked.
    }
  }
  return total;
}

function environment(env) {
  return { HOME: '/home/bench', USER: 'bench', PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...env };
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
