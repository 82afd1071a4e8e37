/**
 * --ssh ID=KEY: an agent of the build's own that holds the keys, ssh-agent(1), since a key itself never gets into a step. It ends
 * with the build, also with one that is killed.
 */
import { chmodSync, closeSync, mkdirSync, openSync, readSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describeErrno } from '../../host/errno.ts';
import { ScullError } from '../../host/errors.ts';
import { readTextIfPresent, removeTree } from '../../host/files.ts';
import { minimalEnvironment, run } from '../../host/process.ts';
import { requireTool } from '../../host/tools.ts';
import { killQuietly } from '../../host/kill.ts';
import { keptDaemon } from '../../runtime/keeper.ts';
import { runInUserNamespace } from '../../userns/launch.ts';
import type { BuildSession } from './session.ts';

/** Bytes: more is no key. */
const LARGEST_KEY = 64 * 1024;
/** Milliseconds for either program. */
const PATIENCE = 20_000;

/** The socket's path may be longer than an address of a socket: it is named relative to its directory. */
const START = 'cd "$1" && eval "$("$2" -s -a agent)" >/dev/null && printf %s "$SSH_AGENT_PID" >pid';

/**
 * Starts it with these keys.
 * @returns the path of its socket
 * @throws ScullError NOT_FOUND, INVALID for what is no key or wants a passphrase, MISSING_TOOL
 */
export async function startKeyAgent(session: BuildSession, id: string, keys: readonly string[]): Promise<string> {
  const purpose = `--ssh ${id}=KEY`;
  const [agent, add] = [requireTool('ssh-agent', purpose).path, requireTool('ssh-add', purpose).path];
  const contents = keys.map((path) => readKey(id, path));
  const directory = session.privatePlace();
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const pidFile = join(directory, 'pid');
  session.atEnd(() => {
    const pid = Number(readTextIfPresent(pidFile) ?? '');
    if (pid > 0) killQuietly(pid, 'SIGTERM');
    removeTree(directory);
  });
  const daemon = keptDaemon(process.pid, pidFile, ['sh', '-c', START, 'sh', directory, agent]);
  const started = await run(daemon.file, daemon.args, { timeout: PATIENCE });
  if (started.status !== 0) throw new ScullError('TOOL_FAILED', `cannot start an ssh agent for --ssh ${id}: ${lastLine(started.stderr)}`, { detail: started.stderr.trim() });
  // Asks nobody: a build has no terminal of its own.
  const env = { ...minimalEnvironment(), SSH_AUTH_SOCK: 'agent', SSH_ASKPASS: '/bin/false', SSH_ASKPASS_REQUIRE: 'force' };
  for (const [index, content] of contents.entries()) {
    const added = await run(add, ['-q', '-'], { env, cwd: directory, input: content, timeout: PATIENCE });
    if (added.status === 0) continue;
    const path = JSON.stringify(keys[index]);
    if (added.stderr.trim() === '' || /passphrase/i.test(added.stderr)) throw new ScullError('INVALID', `the key ${path} of --ssh ${id} wants a passphrase`, { hint: `add it to an agent: ssh-add ${keys[index]}, and give --ssh ${id}` });
    throw new ScullError('INVALID', `${path} of --ssh ${id} is neither a private key nor the socket of an agent`, { detail: added.stderr.trim() });
  }
  return join(directory, 'agent');
}

/**
 * A socket of ours before that of an agent, for a step whose user is not root: an agent talks to its owner alone, and the socket
 * of the caller's keeps its owner and mode.
 * @returns its path
 * @throws ScullError INVALID where the ids are not to be had
 */
export async function agentFor(session: BuildSession, agent: string, access: { readonly uid: number; readonly gid: number; readonly mode: number }): Promise<string> {
  const { connect, createServer } = await import('node:net');
  const directory = session.privatePlace();
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // Names may be longer than an address of a socket: they are told relative to their directories.
  const [ours, theirs] = [openSync(directory, 'r'), openSync(dirname(agent), 'r')];
  const server = createServer((visitor) => {
    const upstream = connect(`/proc/self/fd/${theirs}/${basename(agent)}`);
    for (const [one, other] of [[visitor, upstream], [upstream, visitor]] as const) {
      one.on('error', () => other.destroy());
      one.pipe(other);
    }
  });
  const path = join(directory, 'agent');
  session.atEnd(() => {
    server.close();
    closeSync(ours);
    closeSync(theirs);
    removeTree(directory);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(`/proc/self/fd/${ours}/agent`, resolve));
  server.unref();
  chmodSync(path, access.mode);
  const { uid, gid } = access;
  const { status, stderr } = uid === 0 && gid === 0 ? { status: 0, stderr: '' } : await runInUserNamespace('chown', [`${uid}:${gid}`, path]);
  if (status !== 0) throw new ScullError('INVALID', `the ssh agent can't be given to ${uid}:${gid}: ${stderr.trim()}`);
  return path;
}

function readKey(id: string, path: string): Buffer {
  try {
    const fd = openSync(path, 'r');
    try {
      const buffer = Buffer.alloc(LARGEST_KEY + 1);
      const length = readSync(fd, buffer);
      if (length > LARGEST_KEY) throw new ScullError('INVALID', `${JSON.stringify(path)} of --ssh ${id} is too large for a private key`);
      return buffer.subarray(0, length);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    if (cause instanceof ScullError) throw cause;
    throw new ScullError('NOT_FOUND', `cannot read the key ${JSON.stringify(path)} of --ssh ${id}: ${describeErrno(cause)}`, { cause });
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
