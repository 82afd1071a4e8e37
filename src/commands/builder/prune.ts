/** `scull builder prune` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { unsupported } from '../../cli/flags/declare.ts';
import { pruneFilters } from '../../cli/pairs.ts';

export default class BuilderPrune extends ScullCommand {
  static override summary = 'Forget what builds keep for the next one';
  static override description = 'Results of steps and the directories of cache mounts, but for those that a build uses right now. Images stay.';
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Accepted for Docker: everything is removed anyway', hidden: true }),
    filter: Flags.string({ description: 'Only what was not used for a time: until=24h', helpValue: 'key=value', multiple: true }),
    force: Flags.boolean({ char: 'f', description: 'Do not ask' }),
    'keep-storage': unsupported('keep-storage'),
  };
  static override examples = ['scull builder prune', { description: 'What was not used for a week, in a script', command: 'scull builder prune -f --filter until=168h' }];

  async run(): Promise<number> {
    const { flags } = await this.parse(BuilderPrune);
    const until = pruneFilters(flags.filter, Date.now())['until']?.[0];
    const { confirm } = await import('../../cli/confirm.ts');
    if (!flags.force && !confirm('WARNING! This removes all results of build steps, and cache mounts of builds.')) return 0;
    const { pruneBuilds } = await import('../../engine/builds/prune.ts');
    const { records, mounts, failed } = await pruneBuilds(await this.engine(), until === undefined ? undefined : Number(until) * 1000);
    this.printLine(`${records} ${records === 1 ? 'step' : 'steps'} and ${mounts} ${mounts === 1 ? 'cache mount' : 'cache mounts'} removed`);
    return this.reportAll(failed);
  }
}
