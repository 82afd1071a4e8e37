/** sd_notify(3): telling the service manager something. A datagram, which JavaScript has no sockets for; systemd-notify(1) where our helper is not. */
import { minimalEnvironment, run } from '../host/process.ts';
import { helperPath } from '../userns/launch.ts';

/**
 * Resolves when the manager has read it. A manager that can't be reached is not told: the container runs all the same, and a unit
 * that waits for the word ends by its own time limit.
 * @param assignments such as READY=1, without line ends
 */
export async function notify(socket: string, assignments: readonly string[]): Promise<boolean> {
  const helper = helperPath();
  const words = assignments.map((assignment) => assignment.replace(/[\n\r]/g, ' '));
  const { status } =
    helper === undefined
      ? await run('systemd-notify', words, { env: { ...minimalEnvironment(), NOTIFY_SOCKET: socket } })
      : await run(helper, ['notify', socket, words.join('\n')]);
  return status === 0;
}
