/** `scull unmount` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { latestFlag } from '../../cli/flags/latest.ts';

export default class ContainerUnmount extends ScullCommand {
  static override summary = 'Take what `mount` shows away, inside the same `scull unshare`';
  static override args = { container: Args.string({ description: 'Name or id', multiple: true }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'All that are mounted' }),
    force: Flags.boolean({ char: 'f', description: 'Also while something there is in use' }),
    latest: latestFlag,
  };
  static override examples = ['scull unmount web'];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(ContainerUnmount);
    if (flags.all === argv.length > 0) this.usage('give names, or --all');
    const [mounts, engine] = await Promise.all([import('../../engine/system/mounts.ts'), this.engine()]);
    // Outside nothing is mounted, and all of that is unmounted.
    if (!flags.all) mounts.requireUnshare(['scull unmount', ...argv].join(' '), { placed: false });
    const names = flags.all ? mounts.shownContainers(engine).map((shown) => shown.id) : (argv as string[]);
    return this.forEachName(names, async (name) => {
      const shown = mounts.findShownContainer(engine, name);
      await mounts.unmountContainer(engine, shown, flags.force);
      this.printLine(shown.id);
    });
  }
}
