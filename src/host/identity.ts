/** Who a process is, beyond its recyclable pid: pid + start time (clock ticks since boot) + boot id. See proc(5). */
import { closeSync, openSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { errnoOf, ScullError } from './errors.ts';

export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, clock ticks since boot. */
  readonly startTime: number;
  readonly bootId: string;
}

/** Inode of a machine's first PID namespace: PROC_PID_INIT_INO in the kernel's include/linux/proc_ns.h. */
const FIRST_PID_NAMESPACE = 0xeffffffc;
/** How many digits of a boot id the PID namespaces of one boot have in common. */
const OF_KERNEL = 24;

let boot: string | undefined;
let kernel: string | undefined;

/**
 * What pids are to be understood in, 32 hex digits: the kernel's boot id without dashes; in a PID namespace that is not the machine's
 * first (a container), its last 8 digits are the inode of that. A process of another one can't be looked up by its pid.
 * @throws ScullError UNSUPPORTED where /proc tells of another PID namespace than ours
 */
export function bootId(): string {
  boot ??= `${kernelBootId().slice(0, OF_KERNEL)}${findPidNamespace() ?? kernelBootId().slice(OF_KERNEL)}`;
  return boot;
}

function kernelBootId(): string {
  kernel ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().replaceAll('-', '');
  return kernel;
}

function findPidNamespace(): string | undefined {
  const { ino } = statSync('/proc/self/ns/pid');
  if (ino === FIRST_PID_NAMESPACE) return undefined;
  if (readlinkSync('/proc/self') !== String(process.pid)) {
    throw new ScullError('UNSUPPORTED', 'we are in a PID namespace of our own, and /proc shows another one', { hint: 'mount its own there, as `unshare --mount-proc` does' });
  }
  return ino.toString(16).padStart(8, '0');
}

/** The PID namespace that we are in, 8 hex digits; undefined for a machine's first. @throws ScullError UNSUPPORTED */
export function pidNamespace(): string | undefined {
  return isOfNamespace(bootId()) ? bootId().slice(OF_KERNEL) : undefined;
}

/** Whether this is a boot id of the kernel that runs now, in whichever PID namespace. */
export function isOfThisKernel(id: string): boolean {
  return id.slice(0, OF_KERNEL) === kernelBootId().slice(0, OF_KERNEL);
}

/** Whether this boot id, of this kernel, is of a PID namespace that is not the first. */
export function isOfNamespace(id: string): boolean {
  return id !== kernelBootId();
}

/** Failures of a read that tell nothing about what was to be read. */
const CANNOT_TELL: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EIO']);

/**
 * Start time and state letter of a process, or undefined when there is none with this pid.
 * @throws where that can't be told: a living one that passed for dead would lose what it owns
 */
export function processStat(pid: number): { readonly startTime: number; readonly state: string; readonly parent: number } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    if (CANNOT_TELL.has(errnoOf(error))) throw error;
    return undefined; // there is none, or it ended between open and read
  }
  // The command name may hold spaces and parentheses: fields start after the last ')'.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '?', parent: Number(fields[1]), startTime: Number(fields[19]) };
}

export function identityOf(pid: number): ProcessIdentity | undefined {
  const stat = processStat(pid);
  return stat === undefined ? undefined : { pid, startTime: stat.startTime, bootId: bootId() };
}

let own: ProcessIdentity | undefined;

export function ownIdentity(): ProcessIdentity {
  own ??= identityOf(process.pid);
  if (own === undefined) throw new Error('/proc is not mounted');
  return own;
}

/** `<pid>.<start time>.<boot id>.<random>` of this process: a name that no other will use. */
export function ownerTag(): string {
  const { pid, startTime, bootId: boot } = ownIdentity();
  return `${pid}.${startTime}.${boot}.${randomHex(8)}`;
}

/** The process that made a name by {@link ownerTag}; undefined for other names. */
export function parseOwnerTag(name: string): ProcessIdentity | undefined {
  const match = /^([0-9]{1,10})\.([0-9]{1,20})\.([0-9a-f]{32})\.[0-9a-f]{16}$/.exec(name);
  if (match === null) return undefined;
  return { pid: Number(match[1]), startTime: Number(match[2]), bootId: match[3] as string };
}

/** What tells this machine from others that share a home: machine-id(5), or its name where there is none. */
export function machineId(): string {
  let text = '';
  try {
    text = readFileSync('/etc/machine-id', 'utf8').trim();
  } catch {
    // Minimal systems have none.
  }
  return /^[0-9a-f]{32}$/.test(text) ? text : `name-${hostname().replace(/[^0-9a-zA-Z.-]/g, '-')}`;
}

/** True while the very process that `identity` names still lives (a zombie does not). */
export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.bootId !== bootId()) return false;
  const stat = processStat(identity.pid);
  return stat !== undefined && stat.startTime === identity.startTime && stat.state !== 'Z' && stat.state !== 'X';
}

/** A fresh object id: 64 hex digits, as Docker's. */
export function randomId(): string {
  return randomHex(32);
}

let unused: Buffer | undefined;

/**
 * `bytes` random bytes in hex, at most 256. From random(4): node:crypto costs milliseconds, and so does the global Web Crypto under Node.
 * Read in stock, as most commands make several names.
 */
export function randomHex(bytes: number): string {
  if (unused === undefined || unused.length < bytes) unused = readRandom(256);
  const taken = unused.subarray(0, bytes);
  unused = unused.subarray(bytes);
  return taken.toString('hex');
}

function readRandom(bytes: number): Buffer {
  const fd = openSync('/dev/urandom', 'r');
  try {
    const random = Buffer.alloc(bytes);
    if (readSync(fd, random) !== bytes) throw new Error('/dev/urandom gave too little');
    return random;
  } finally {
    closeSync(fd);
  }
}
