/** top: the container's processes, read from the host's /proc: nothing of the container is trusted or executed (CVE-2022-1227). */
import { readFileSync } from 'node:fs';
import { ScullError } from '../../host/errors.ts';
import { readTextIfPresent } from '../../host/files.ts';
import { containerProcesses } from '../../runtime/container-processes.ts';
import { findContainer } from '../../runtime/container-store.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { rootDirectories } from '../../runtime/root-file-system.ts';
import { readRootfsFile } from '../../runtime/rootfs-file.ts';
import { defaultIdMaps, toInside } from '../../userns/id-maps.ts';
import type { Engine } from '../engine.ts';

export interface ProcessTable {
  readonly titles: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

interface ProcessFacts {
  readonly pid: number;
  readonly status: string;
  readonly stat: readonly string[];
  readonly started: number;
  readonly users: (id: number) => string;
  readonly groups: (id: number) => string;
}

const TICKS = 100; // USER_HZ, fixed for user space on every architecture we run on

/** podman-top(1)'s descriptors, each with its heading. */
const COLUMNS: Readonly<Record<string, { readonly title: string; readonly value: (facts: ProcessFacts) => string }>> = {
  user: { title: 'USER', value: ({ status, users }) => users(idOf(status, 'Uid', 1)) },
  ruser: { title: 'RUSER', value: ({ status, users }) => users(idOf(status, 'Uid', 0)) },
  uid: { title: 'UID', value: ({ status }) => String(insideId(idOf(status, 'Uid', 1), 'uids')) },
  huser: { title: 'HUSER', value: ({ status }) => String(idOf(status, 'Uid', 1)) },
  group: { title: 'GROUP', value: ({ status, groups }) => groups(idOf(status, 'Gid', 1)) },
  gid: { title: 'GID', value: ({ status }) => String(insideId(idOf(status, 'Gid', 1), 'gids')) },
  hgroup: { title: 'HGROUP', value: ({ status }) => String(idOf(status, 'Gid', 1)) },
  pid: { title: 'PID', value: ({ status }) => field(status, 'NSpid').split(/\s+/).at(-1) ?? '?' },
  hpid: { title: 'HPID', value: ({ pid }) => String(pid) },
  ppid: { title: 'PPID', value: ({ stat }) => namespacePid(Number(stat[1])) },
  hppid: { title: 'HPPID', value: ({ stat }) => stat[1] ?? '?' },
  pgid: { title: 'PGID', value: ({ status }) => field(status, 'NSpgid').split(/\s+/).at(-1) ?? '?' },
  pcpu: { title: '%CPU', value: (facts) => percent(facts).toFixed(3) },
  c: { title: 'C', value: (facts) => String(Math.round(percent(facts))) },
  elapsed: { title: 'ELAPSED', value: ({ started }) => goDuration(uptime() - started) },
  etime: { title: 'ELAPSED', value: ({ started }) => goDuration(uptime() - started) },
  stime: { title: 'STIME', value: ({ started }) => clock(new Date(Date.now() - (uptime() - started) * 1000)) },
  time: { title: 'TIME', value: ({ stat }) => goDuration((Number(stat[11]) + Number(stat[12])) / TICKS) },
  tty: { title: 'TTY', value: ({ stat }) => terminalName(Number(stat[4])) },
  comm: { title: 'COMMAND', value: ({ status }) => field(status, 'Name') },
  args: { title: 'COMMAND', value: (facts) => commandLine(facts) },
  state: { title: 'STATE', value: ({ stat }) => stat[0] ?? '?' },
  stat: { title: 'STAT', value: ({ stat }) => stat[0] ?? '?' },
  nice: { title: 'NI', value: ({ stat }) => stat[16] ?? '?' },
  rss: { title: 'RSS', value: ({ status }) => field(status, 'VmRSS').replace(/ kB$/, '') || '0' },
  vsz: { title: 'VSZ', value: ({ status }) => field(status, 'VmSize').replace(/ kB$/, '') || '0' },
  seccomp: { title: 'SECCOMP', value: ({ status }) => ['disabled', 'strict', 'filter'][Number(field(status, 'Seccomp'))] ?? '?' },
  capeff: { title: 'EFFECTIVE CAPS', value: ({ status }) => field(status, 'CapEff') },
  capbnd: { title: 'BOUNDING CAPS', value: ({ status }) => field(status, 'CapBnd') },
  capprm: { title: 'PERMITTED CAPS', value: ({ status }) => field(status, 'CapPrm') },
  capinh: { title: 'INHERITED CAPS', value: ({ status }) => field(status, 'CapInh') },
  capamb: { title: 'AMBIENT CAPS', value: ({ status }) => field(status, 'CapAmb') },
};

const DEFAULT_COLUMNS = ['user', 'pid', 'ppid', 'pcpu', 'elapsed', 'tty', 'time', 'args'];

/**
 * podman-top(1). `descriptors` are column names, separated by commas or given one by one; ps(1) options are not supported.
 * @throws ScullError WRONG_STATE when it does not run, INVALID for an unknown column
 */
export async function topContainer(engine: Engine, nameOrId: string, descriptors: readonly string[]): Promise<ProcessTable> {
  const record = findContainer(engine.store.layout, nameOrId);
  const state = readContainerState(engine.store.layout.container(record.id));
  if (!isRunning(state)) throw new ScullError('WRONG_STATE', `top can only be used on running containers: ${record.name} is ${state.status}`);
  const names = descriptors.flatMap((word) => word.split(',')).map((word) => word.trim()).filter((word) => word !== '' && word !== '-o' && word !== '-eo');
  const columns = (names.length === 0 ? DEFAULT_COLUMNS : names).map((name) => {
    const column = COLUMNS[name.toLowerCase().replace(/^%cpu$/, 'pcpu')];
    if (column === undefined) throw new ScullError('INVALID', `unknown column ${JSON.stringify(name)}`, { hint: `columns are ${Object.keys(COLUMNS).join(', ')}` });
    return column;
  });
  const directories = rootDirectories(engine.store.layout, record);
  const users = nameTable(readRootfsFile(directories, '/etc/passwd') ?? '', 'uids');
  const groups = nameTable(readRootfsFile(directories, '/etc/group') ?? '', 'gids');
  const shared = record.spec.namespaces.pid.mode !== 'private';
  const rows = (containerProcesses([state.pid], () => shared).get(state.pid) ?? []).flatMap((pid) => {
    const facts = factsOf(pid, users, groups);
    return facts === undefined ? [] : [columns.map((column) => column.value(facts))];
  });
  return { titles: columns.map((column) => column.title), rows };
}

function factsOf(pid: number, users: ProcessFacts['users'], groups: ProcessFacts['groups']): ProcessFacts | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const stat = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { pid, status, stat, started: Number(stat[19]) / TICKS, users, groups };
  } catch {
    return undefined; // it ended between two reads
  }
}

function field(status: string, name: string): string {
  return new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1] ?? '';
}

function idOf(status: string, name: 'Uid' | 'Gid', index: number): number {
  return Number(field(status, name).split(/\s+/)[index]);
}

function insideId(outside: number, kind: 'uids' | 'gids'): number | string {
  return toInside(defaultIdMaps()[kind], outside) ?? outside;
}

function nameTable(text: string, kind: 'uids' | 'gids'): (id: number) => string {
  const names = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    if (name !== undefined && id !== undefined && !names.has(id)) names.set(id, name);
  }
  return (outside) => {
    const inside = String(insideId(outside, kind));
    return names.get(inside) ?? inside;
  };
}

function namespacePid(pid: number): string {
  if (pid <= 1) return '0';
  const levels = field(readTextIfPresent(`/proc/${pid}/status`) ?? '', 'NSpid').split(/\s+/);
  // The parent of the first process is outside: it has no number inside.
  return levels.length > 1 ? (levels.at(-1) ?? '0') : '0';
}

function uptime(): number {
  return Number.parseFloat(readFileSync('/proc/uptime', 'utf8'));
}

function percent({ stat, started }: ProcessFacts): number {
  const life = uptime() - started;
  return life <= 0 ? 0 : ((Number(stat[11]) + Number(stat[12])) / TICKS / life) * 100;
}

/** As Go prints a duration: `1h2m3.5s`. */
function goDuration(seconds: number): string {
  if (seconds <= 0) return '0s';
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = Number((seconds % 60).toFixed(2));
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${rest}s`;
}

function clock(date: Date): string {
  return `${String(date.getHours()).padStart(2, '0')}:${String(date.getMinutes()).padStart(2, '0')}`;
}

/** Device number as in stat(5): the terminals of containers are /dev/pts/N. */
function terminalName(device: number): string {
  if (device === 0) return '?';
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  return major >= 136 && major <= 143 ? `pts/${(major - 136) * 256 + minor}` : `${major}:${minor}`;
}

function commandLine({ pid, status }: ProcessFacts): string {
  const words = (readTextIfPresent(`/proc/${pid}/cmdline`) ?? '').split('\0');
  words.pop();
  return words.length === 0 ? `[${field(status, 'Name')}]` : words.join(' ');
}
