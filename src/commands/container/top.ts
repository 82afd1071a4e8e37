/** `scull top` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';
import { latestFlag } from '../../cli/flags/latest.ts';

export default class Top extends ScullCommand {
  static override summary = 'Show the processes of a container';
  static override description =
    'Columns are named as in podman-top(1): user, pid, ppid, pcpu, elapsed, tty, time, args (these by default), uid, gid, group, hpid, huser, state, rss, vsz, comm, seccomp, capeff and more; a wrong name lists them all. Nothing is run in the container.';
  static override args = {
    container: Args.string({ required: true, description: 'Name or id' }),
    columns: Args.string({ description: 'Columns, apart or with commas', multiple: true }),
  };
  static override flags = { latest: latestFlag };
  static override stopAtFirstWord = true;
  static override examples = ['scull top web', { description: 'Process ids as the host sees them', command: 'scull top web hpid pid user args' }];

  async run(): Promise<void> {
    const { args, argv } = await this.parse(Top);
    const { topContainer } = await import('../../engine/containers/top.ts');
    const { titles, rows } = await topContainer(await this.engine(), args.container, argv.slice(1) as string[]);
    const { renderTable } = await import('../../cli/present/table.ts');
    this.print(renderTable([titles, ...rows]));
  }
}
