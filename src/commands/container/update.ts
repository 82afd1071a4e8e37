/** `scull update` */
import * as Args from '@oclif/core/args';
import { healthFlags, resourceFlags } from '../../cli/flags/container.ts';
import { list, text, toggle } from '../../cli/flags/declare.ts';
import { latestFlag } from '../../cli/flags/latest.ts';
import { OutcomesCommand, readSelection } from '../../cli/selection.ts';

export default class Update extends OutcomesCommand {
  static override summary = 'Change limits, restart policy, health check or variables of containers';
  static override description = 'Limits of a container that runs change at once. What is not given stays as it is. A limit that cannot be enforced is an error, and changes nothing. Variables and --ulimit count from the next start on.';
  static override args = { container: Args.string({ description: 'Name or id', multiple: true }) };
  static override flags = {
    ...resourceFlags,
    restart: text('process', 'policy', 'Restart policy: no, on-failure[:times], always, unless-stopped'),
    env: list('environment', 'name[=value]', "Set a variable; without a value it is the caller's", { char: 'e' }),
    unsetenv: list('environment', 'name', 'Drop a variable'),
    ulimit: list('resource', 'name=soft[:hard]', 'Resource limit of processes, e.g. nofile=1024:2048'),
    ...healthFlags,
    'no-healthcheck': toggle('health', 'Run no health check any more'),
    latest: latestFlag,
  };
  static override examples = [
    { description: 'Less memory and half a processor, now', command: 'scull update --memory 256m --cpus 0.5 web' },
    { description: 'From now on it is started again when it ends', command: 'scull update --restart unless-stopped web' },
  ];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(Update);
    const [{ parseResources }, { parseRestart }, { parseUlimit }, { environmentOf, health }, { updateContainers }] = await Promise.all([
      import('../../spec/resources.ts'),
      import('../../spec/restart.ts'),
      import('../../spec/ulimit.ts'),
      import('../../cli/container-spec-flags.ts'),
      import('../../engine/containers/update.ts'),
    ]);
    const resources = parseResources(flags);
    const wish = health(flags);
    const given = [flags.restart, flags.env, flags.unsetenv, flags.ulimit, wish];
    if (Object.keys(resources).length === 0 && given.every((value) => value === undefined)) this.usage('nothing to change was given', 'see `scull update --help`');
    const selection = readSelection(argv as string[], {}, Date.now());
    const options = {
      ...selection,
      resources,
      ulimits: (flags.ulimit ?? []).map(parseUlimit),
      environment: { set: environmentOf(flags), unset: flags.unsetenv ?? [] },
      ...(flags.restart === undefined ? {} : { restart: parseRestart(flags.restart) }),
      ...(wish === undefined ? {} : { health: wish }),
    };
    return this.tell(await updateContainers(await this.engine(), options));
  }
}
