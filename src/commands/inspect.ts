/** `scull inspect` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../cli/command.ts';
import { latestFlag } from '../cli/flags/latest.ts';
import { inspectEach } from '../cli/inspection.ts';
import type { Engine } from '../engine/engine.ts';
import { isScullError, ScullError } from '../host/errors.ts';

const TYPES = ['all', 'container', 'image', 'volume', 'network', 'pod'] as const;

export default class Inspect extends ScullCommand {
  static override summary = 'Show all that is known of containers, images, volumes, networks or pods';
  static override description = 'JSON in the shape of Docker\'s. A name is looked for among containers, then images, volumes, networks and pods.';
  static override args = { container: Args.string({ required: true, description: 'Name or id', multiple: true }) };
  static override flags = {
    format: Flags.string({ char: 'f', description: "json (default), or a Go template, e.g. '{{.State.Status}}'", helpValue: 'format' }),
    type: Flags.option({ options: TYPES })({ char: 't', description: 'Look only among these', helpValue: 'all|container|image|volume|network|pod', default: 'all' }),
    size: Flags.boolean({ char: 's', description: 'Sizes of the file systems of containers, which takes time' }),
    latest: latestFlag,
  };
  static override examples = [
    'scull inspect web',
    { description: 'One fact', command: "scull inspect -f '{{.State.ExitCode}}' job" },
    { description: 'Where a port is published', command: "scull inspect -f '{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}' web" },
  ];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(Inspect);
    if (flags.size && (flags.type !== 'all' && flags.type !== 'container')) throw new ScullError('USAGE', `--size does not go with --type ${flags.type}`);
    const engine = await this.engine();
    const { objects, errors } = await inspectEach(argv as string[], (name) => inspectAny(engine, name, flags.type, flags.size));
    const { presentInspect } = await import('../cli/present/inspect.ts');
    this.print(presentInspect(objects, flags.format));
    let status = 0;
    for (const error of errors) status = await this.report(error);
    return status;
  }
}

async function inspectAny(engine: Engine, name: string, type: (typeof TYPES)[number], size: boolean): Promise<object> {
  const missing = (error: unknown): boolean => type === 'all' && isScullError(error, 'NO_SUCH_CONTAINER', 'NO_SUCH_IMAGE', 'NO_SUCH_VOLUME', 'NO_SUCH_NETWORK', 'NO_SUCH_POD', 'INVALID');
  for (const [kind, inspect] of Object.entries(INSPECTORS)) {
    if (type !== 'all' && type !== kind) continue;
    try {
      return await inspect(engine, name, size);
    } catch (error) {
      if (!missing(error)) throw error;
    }
  }
  throw new ScullError('NOT_FOUND', `no such object: ${JSON.stringify(name)}`, { hint: 'see `scull ps -a`, `scull images`, `scull volume ls` and `scull network ls`' });
}

/** In the order in which a name is looked for. */
const INSPECTORS: Readonly<Record<string, (engine: Engine, name: string, size: boolean) => Promise<object>>> = {
  container: async (engine, name, size) => (await import('../engine/containers/inspect.ts')).inspectContainer(engine, name, { size }),
  image: async (engine, name) => (await import('../engine/images/inspect.ts')).inspectImage(engine, name),
  volume: async (engine, name) => (await import('../engine/volumes/list.ts')).inspectVolume(engine, name),
  network: async (engine, name) => (await import('../engine/networks/list.ts')).inspectNetwork(engine, name),
  pod: async (engine, name) => (await import('../engine/pods/inspect.ts')).inspectPod(engine, name),
};
