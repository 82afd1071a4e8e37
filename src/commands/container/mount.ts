/** `scull mount` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { latestFlag } from '../../cli/flags/latest.ts';

export default class ContainerMount extends ScullCommand {
  static override summary = 'Show the files of containers as a directory, inside `scull unshare`';
  static override description =
    'Prints where. Only processes of that `scull unshare` see it, and it is gone with the last of them. What runs can be looked at, but not changed this way. Without a name, lists what is mounted.';
  static override args = { container: Args.string({ description: 'Name or id', multiple: true }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Mount all' }),
    format: Flags.option({ options: ['json'] as const })({ description: 'json: list what is mounted as JSON', helpValue: 'json' }),
    'no-trunc': Flags.boolean({ description: 'Whole ids' }),
    latest: latestFlag,
  };
  static override examples = ['scull unshare', 'cd $(scull mount web)', { description: 'In one line', command: "scull unshare sh -c 'ls \"$(scull mount web)\"'" }];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(ContainerMount);
    const [mounts, engine] = await Promise.all([import('../../engine/system/mounts.ts'), this.engine()]);
    mounts.requireUnshare(['scull mount', ...argv].join(' '));
    if (argv.length === 0 && !flags.all) {
      const { presentShown } = await import('../../cli/present/shown.ts');
      this.print(presentShown(mounts.shownContainers(engine), flags.format, flags['no-trunc']));
      return 0;
    }
    const { containerNames } = await import('../../engine/names.ts');
    const names = flags.all ? containerNames(engine) : (argv as string[]);
    return this.forEachName(names, async (name) => this.printLine(await mounts.mountContainer(engine, name)));
  }
}
