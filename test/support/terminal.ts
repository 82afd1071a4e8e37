/**
 * A real pseudo-terminal for a command, held by socat: what the test writes is typed, what it reads is shown. stty on the
 * terminal's device changes its size (the kernel then sends SIGWINCH) and tells its modes.
 */
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { eventually } from './eventually.ts';
import type { Sandbox } from './scull.ts';

export interface Terminal {
  /** Everything shown so far. */
  screen(): string;
  type(keys: string): void;
  /** Waits until `pattern` was shown after the position of the last match. */
  shows(pattern: RegExp | string, timeout?: number): Promise<string>;
  resize(rows: number, columns: number): Promise<void>;
  /** True while the terminal is in raw mode: keys are neither edited nor echoed. */
  isRaw(): Promise<boolean>;
  /** Closes the terminal, as when its window is closed: the command gets SIGHUP. */
  hangUp(): void;
  /** The command's exit status. */
  readonly ended: Promise<number>;
}

/** Runs scull (or, with `file`, another program) on a terminal of 24 × 80. */
export function openTerminal(sandbox: Sandbox, args: readonly string[], options: { file?: string; env?: Record<string, string> } = {}): Terminal {
  const words = options.file === undefined ? [...sandbox.command, ...args] : [options.file, ...args];
  // The exit status is shown last: socat's own says nothing about its child's. The shell around outlives a ctrl-c.
  const shell = `trap : INT QUIT; stty rows 24 cols 80 </dev/tty; ${words.map(quote).join(' ')}; printf '\\nSTATUS=%d=\\n' $?`;
  const child = spawn('socat', ['-', `EXEC:"sh -c '. $TERMINAL_SCRIPT'",pty,setsid,ctty,stderr,sane`.replace('$TERMINAL_SCRIPT', sandbox.file(`terminal-${(terminals += 1)}.sh`, shell))], {
    env: { ...sandbox.env, TERM: 'xterm', ...options.env },
    cwd: sandbox.base,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let shown = '';
  let seen = 0;
  child.stdin.on('error', () => undefined);
  child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const status = /STATUS=(\d+)=/.exec(shown)?.[1];
      resolve(status === undefined ? (code ?? 128 + constants.signals[signal as NodeJS.Signals]) : Number(status));
    });
  });
  const device = () => eventually('a terminal device', () => deviceOfChildOf(child.pid as number));
  return {
    screen: () => shown,
    type: (keys) => void child.stdin.write(keys),
    async shows(pattern, timeout = 15_000) {
      const expression = typeof pattern === 'string' ? new RegExp(pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) : pattern;
      const match = await eventually(`${String(pattern)} on a terminal that shows ${JSON.stringify(shown.slice(seen))}`, () => expression.exec(shown.slice(seen)), timeout).catch(() => {
        throw new Error(`terminal never showed ${String(pattern)}; it shows ${JSON.stringify(shown)}`);
      });
      seen += match.index + match[0].length;
      return match[0];
    },
    async resize(rows, columns) {
      execFileSync('stty', ['-F', await device(), 'rows', String(rows), 'cols', String(columns)]);
    },
    async isRaw() {
      return /-icanon/.test(execFileSync('stty', ['-F', await device(), '-a'], { encoding: 'utf8' }));
    },
    hangUp: () => void child.kill('SIGTERM'),
    ended,
  };
}

let terminals = 0;

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function deviceOfChildOf(parent: number): string | undefined {
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) !== parent) continue;
      const terminal = readlinkSync(`/proc/${pid}/fd/0`);
      if (terminal.startsWith('/dev/pts/')) return terminal;
    } catch {
      continue; // it ended
    }
  }
  return undefined;
}
