/** `scull image unmount` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class ImageUnmount extends ScullCommand {
  static override summary = 'Take what `image mount` shows away, inside the same `scull unshare`';
  static override args = { image: Args.string({ description: 'Name or id', multiple: true }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'All that are mounted' }),
    force: Flags.boolean({ char: 'f', description: 'Also while something there is in use' }),
  };
  static override examples = ['scull image unmount debian'];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(ImageUnmount);
    if (flags.all === argv.length > 0) this.usage('give names, or --all');
    const [mounts, engine] = await Promise.all([import('../../engine/system/mounts.ts'), this.engine()]);
    // Outside nothing is mounted, and all of that is unmounted.
    if (!flags.all) mounts.requireUnshare(['scull image unmount', ...argv].join(' '), { placed: false });
    const names = flags.all ? mounts.shownImages(engine).map((shown) => shown.id) : (argv as string[]);
    return this.forEachName(names, async (name) => {
      const shown = await mounts.findShownImage(engine, name);
      await mounts.unmount(shown, flags.force);
      this.printLine(shown.id);
    });
  }
}
