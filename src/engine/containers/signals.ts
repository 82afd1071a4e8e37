/** --sig-proxy: what reaches the command goes to the container; before there is one, it ends the start. */
import { constants } from 'node:os';
import { ScullError } from '../../host/errors.ts';
import { identityOf, isAlive } from '../../host/identity.ts';
import { killQuietly } from '../../host/kill.ts';

/** All that can be caught and mean something to a program, except those of terminals and children (as docker and podman). */
const FORWARDED: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGCONT', 'SIGTSTP'];
const ENDING: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'];

export interface SignalForwarding {
  /** From now on signals go to this process. */
  to(pid: number): void;
  dispose(): void;
}

/** @param proxy false leaves signals alone once the container runs (--sig-proxy=false) */
export function forwardSignals(interruption: AbortController, proxy: boolean): SignalForwarding {
  let target: ReturnType<typeof identityOf>;
  const handler = (signal: NodeJS.Signals): void => {
    if (target !== undefined) {
      if (isAlive(target)) killQuietly(target.pid, constants.signals[signal]);
    } else if (ENDING.includes(signal)) interruption.abort(new ScullError('INTERRUPTED', `interrupted by ${signal} while starting; nothing was left behind`));
  };
  const dispose = (): void => {
    for (const signal of FORWARDED) process.removeListener(signal, handler);
  };
  for (const signal of FORWARDED) process.on(signal, handler);
  return {
    to: (pid) => {
      if (proxy) target = identityOf(pid);
      else dispose();
    },
    dispose,
  };
}

/** exec: all but what stops and continues us, too. */
export function forwardExecSignals(session: { signal(name: NodeJS.Signals): void }): { dispose(): void } {
  const handler = (signal: NodeJS.Signals): void => session.signal(signal);
  const handled = FORWARDED.filter((signal) => signal !== 'SIGTSTP' && signal !== 'SIGCONT');
  for (const signal of handled) process.on(signal, handler);
  return {
    dispose: () => {
      for (const signal of handled) process.removeListener(signal, handler);
    },
  };
}
