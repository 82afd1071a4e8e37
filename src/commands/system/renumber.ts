/** `scull system renumber` */
import { ScullCommand } from '../../cli/command.ts';

export default class SystemRenumber extends ScullCommand {
  static override summary = 'Nothing to do: locks have no numbers';
  static override description = 'Podman keeps a fixed number of locks, which can run out or get mixed up. Here a lock is a directory named after what it locks and owned by a process that lives.';
  static override examples = ['scull system renumber'];

  async run(): Promise<void> {
    await this.parse(SystemRenumber);
    this.printLine('Nothing is needed: locks have no numbers.');
  }
}
