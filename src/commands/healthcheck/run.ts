/** `scull healthcheck run` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class HealthcheckRun extends ScullCommand {
  static override summary = "Run a container's health check now";
  static override description = [
    'What it says counts like any other check. By itself scull runs it every --health-interval while the container runs; see `scull inspect` (State.Health) for the last ones.',
    '',
    'Exit status: 0 it succeeded, 1 it failed (the health is printed), 125 the container has none, does not run, or something else went wrong.',
  ].join('\n');
  static override args = { container: Args.string({ required: true, description: 'Name or id' }) };
  static override flags = {
    'ignore-result': Flags.boolean({ description: 'Exit with 0 whatever it said' }),
    timer: Flags.boolean({ description: 'For the timer: print the milliseconds until the next check', hidden: true }),
  };
  static override examples = ['scull healthcheck run web && echo all is well'];

  async run(): Promise<number> {
    const { args, flags } = await this.parse(HealthcheckRun);
    const { runHealthCheck, runTimedHealthCheck } = await import('../../engine/containers/health.ts');
    if (flags.timer) {
      const next = await runTimedHealthCheck(await this.engine({ quiet: true }), args.container);
      this.printLine(next === undefined ? 'stop' : String(Math.round(next)));
      return 0;
    }
    const { status, ok } = await runHealthCheck(await this.engine(), args.container);
    if (ok) return 0;
    this.printLine(status);
    return flags['ignore-result'] ? 0 : 1;
  }
}
