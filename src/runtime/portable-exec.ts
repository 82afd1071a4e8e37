/**
 * `scull-helper exec` without the native helper: a worker of our own between the process and our streams. A terminal is made
 * and copied by crun itself, since only a native program can be handed one; the detach keys have no effect then.
 */
import { selfCommand } from '../host/self.ts';

/** What the worker is told. */
export interface ExecJob {
  /** crun with its words. */
  readonly command: readonly string[];
  readonly log: string;
  readonly pidFile: string;
  readonly terminal: boolean;
  readonly stdin: boolean;
  readonly preserveFds: number;
}

/** It is ended with us. In a session of its own, unless it has our terminal: what reaches our process group we pass on. */
export function portableExecCommand(job: ExecJob): { file: string; args: string[]; detached: boolean } {
  const self = selfCommand('__worker', 'exec', JSON.stringify(job));
  return { file: 'setpriv', args: ['--pdeathsig', 'TERM', self.file, ...self.args], detached: !job.terminal };
}
