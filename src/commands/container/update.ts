/** `scull update` */
import * as Args from '@oclif/core/args';
import { healthFlags, resourceFlags } from '../../cli/flags/container.ts';
import { text, toggle } from '../../cli/flags/declare.ts';
import { OutcomesCommand, readSelection } from '../../cli/selection.ts';

export default class Update extends OutcomesCommand {
  static override summary = 'Change limits, restart policy or health check of containers';
  static override description = 'Limits of a container that runs change at once. What is not given stays as it is. A limit that cannot be enforced is an error, and changes nothing.';
  static override args = { container: Args.string({ description: 'Name or id', multiple: true }) };
  static override flags = {
    ...resourceFlags,
    restart: text('process', 'policy', 'Restart policy: no, on-failure[:times], always, unless-stopped'),
    ...healthFlags,
    'no-healthcheck': toggle('health', 'Run no health check any more'),
  };
  static override examples = [
    { description: 'Less memory and half a processor, now', command: 'scull update --memory 256m --cpus 0.5 web' },
    { description: 'From now on it is started again when it ends', command: 'scull update --restart unless-stopped web' },
  ];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(Update);
    const [{ parseResources }, { parseRestart }, { health }, { updateContainers }] = await Promise.all([
      import('../../spec/resources.ts'),
      import('../../spec/restart.ts'),
      import('../../cli/container-spec-flags.ts'),
      import('../../engine/containers/update.ts'),
    ]);
    const resources = parseResources(flags);
    const wish = health(flags);
    if (Object.keys(resources).length === 0 && flags.restart === undefined && wish === undefined) this.usage('nothing to change was given', 'see `scull update --help`');
    const selection = readSelection(argv as string[], {}, Date.now());
    const options = { ...selection, resources, ...(flags.restart === undefined ? {} : { restart: parseRestart(flags.restart) }), ...(wish === undefined ? {} : { health: wish }) };
    return this.tell(await updateContainers(await this.engine(), options));
  }
}
