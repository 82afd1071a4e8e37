/** `scull builder cleanup` */
import { ScullCommand } from '../../cli/command.ts';

export default class BuilderCleanup extends ScullCommand {
  static override summary = 'End what a killed build left running';
  static override description = 'Steps that still run are ended and unfinished files removed. Scull does this by itself when a build is killed; there is no need to call it.';
  static override hidden = true;
  static override examples = ['scull builder cleanup'];

  async run(): Promise<void> {
    await this.parse(BuilderCleanup);
    const { cleanUpBuilds } = await import('../../engine/builds/orphans.ts');
    await cleanUpBuilds(await this.engine());
  }
}
