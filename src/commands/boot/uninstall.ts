/** `scull boot uninstall` */
import { ScullCommand } from '../../cli/command.ts';

export default class BootUninstall extends ScullCommand {
  static override summary = 'Undo `scull boot install`';
  static override description = 'Prints what was taken away. Containers that run go on.';
  static override examples = ['scull boot uninstall'];

  async run(): Promise<void> {
    await this.parse(BootUninstall);
    const { uninstallBoot } = await import('../../engine/boot/install.ts');
    for (const removed of await uninstallBoot()) this.printLine(removed);
  }
}
