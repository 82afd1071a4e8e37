/** `scull rm` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullError } from '../../host/errors.ts';
import { latestFlag } from '../../cli/flags/latest.ts';
import { cidfileFlag, OutcomesCommand, readSelection, removalStatus } from '../../cli/selection.ts';

export default class Rm extends OutcomesCommand {
  static override summary = 'Remove containers';
  static override description = 'Exit status: 1 when a container did not exist, 2 when one was running, 125 for anything else that failed.';
  static override args = { container: Args.string({ description: 'Name or id', multiple: true }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Remove all containers, and all pods' }),
    force: Flags.boolean({ char: 'f', description: 'Kill what runs; a container that does not exist is no error' }),
    volumes: Flags.boolean({ char: 'v', description: 'Remove their anonymous volumes too' }),
    ignore: Flags.boolean({ char: 'i', description: 'A container that does not exist is no error' }),
    time: Flags.integer({ char: 't', aliases: ['timeout'], description: 'With --force, seconds to stop in before SIGKILL', helpValue: 'seconds', min: -1 }),
    depend: Flags.boolean({ description: 'Before it, remove containers that share its namespaces or take its volumes' }),
    filter: Flags.string({ description: 'Only containers that this fits, e.g. status=exited', helpValue: 'key=value', multiple: true }),
    cidfile: cidfileFlag,
    latest: latestFlag,
  };
  static override examples = [
    { description: 'Remove a container with its anonymous volumes, even while it runs', command: 'scull rm -fv web' },
    { description: 'Remove all that have ended', command: 'scull rm --filter status=exited' },
  ];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(Rm);
    if (flags.time !== undefined && !flags.force) throw new ScullError('USAGE', '--time only makes sense with --force');
    const ignore = flags.ignore || flags.force;
    const selection = readSelection(argv as string[], { ...flags, ignore }, Date.now());
    const engine = await this.engine();
    let { names = [] } = selection;
    if (flags.depend) names = (await import('../../engine/containers/dependents.ts')).withDependents(engine, names);
    const { removeContainers } = await import('../../engine/containers/remove.ts');
    const outcomes = await removeContainers(engine, { ...selection, names, force: flags.force, volumes: flags.volumes, timeout: flags.time });
    return removalStatus(outcomes, await this.tell(outcomes));
  }
}
