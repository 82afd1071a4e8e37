/** `scull image mount` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class ImageMount extends ScullCommand {
  static override summary = 'Show the files of images as a directory, inside `scull unshare`';
  static override description =
    'Prints where. Only processes of that `scull unshare` see it, and it is gone with the last of them. Nothing can be changed there. Without a name, lists what is mounted.';
  static override args = { image: Args.string({ description: 'Name or id', multiple: true }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Mount all' }),
    format: Flags.option({ options: ['json'] as const })({ description: 'json: list what is mounted as JSON', helpValue: 'json' }),
    'no-trunc': Flags.boolean({ description: 'Whole ids' }),
  };
  static override examples = ['scull unshare', 'cd $(scull image mount debian)', { description: 'In one line', command: "scull unshare sh -c 'ls \"$(scull image mount debian)\"'" }];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(ImageMount);
    const [mounts, engine] = await Promise.all([import('../../engine/system/mounts.ts'), this.engine()]);
    mounts.requireUnshare(['scull image mount', ...argv].join(' '));
    if (argv.length === 0 && !flags.all) {
      const { presentShownImages } = await import('../../cli/present/shown.ts');
      this.print(presentShownImages(mounts.shownImages(engine), flags.format, flags['no-trunc']));
      return 0;
    }
    const names = flags.all ? mounts.mountableImages(engine) : (argv as string[]);
    return this.forEachName(names, async (name) => this.printLine(await mounts.mountImage(engine, name)));
  }
}
