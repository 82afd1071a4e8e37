/** `scull system migrate` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class SystemMigrate extends ScullCommand {
  static override summary = 'Nothing to do: containers need no migration';
  static override description = 'Podman needs this after a change of subordinate ids or of its version. Here no process of scull outlives its container, and every command reads the ids anew.';
  static override flags = {
    'new-runtime': Flags.string({ description: 'There is one runtime, crun', helpValue: 'runtime', hidden: true }),
    'migrate-db': Flags.boolean({ description: 'There is no database', hidden: true }),
  };
  static override examples = ['scull system migrate'];

  async run(): Promise<void> {
    await this.parse(SystemMigrate);
    this.printLine('Nothing is needed: no pause process and no database have to be migrated.');
  }
}
