/** `scull ps`, `scull container ls` */
import * as Flags from '@oclif/core/flags';
import type { Interfaces } from '@oclif/core';
import { ScullCommand } from '../../cli/command.ts';
import { containerFilters, filterFlag } from '../../cli/selection.ts';
import { ScullError } from '../../host/errors.ts';

export default class ContainerLs extends ScullCommand {
  static override summary = 'List containers';
  static override description = 'Those that run, unless --all, --last or a filter on their status says otherwise; the oldest first.';
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Those that do not run too' }),
    filter: filterFlag,
    format: Flags.string({ description: "json, or a Go template, e.g. '{{.ID}} {{.Names}}' or 'table {{.Names}}\\t{{.Status}}'", helpValue: 'format' }),
    last: Flags.integer({ char: 'n', description: 'The last n created, running or not', helpValue: 'n', min: -1 }),
    latest: Flags.boolean({ char: 'l', description: 'The last one created', exclusive: ['last'] }),
    'no-trunc': Flags.boolean({ description: 'Whole ids and commands' }),
    noheading: Flags.boolean({ description: 'No headings' }),
    quiet: Flags.boolean({ char: 'q', description: 'Ids only' }),
    size: Flags.boolean({ char: 's', description: 'Sizes of their file systems, which takes time' }),
    sort: Flags.string({ description: 'created (default), command, id, image, names, runningfor, size or status', helpValue: 'key' }),
    sync: Flags.boolean({ description: 'Accepted for Podman; states are always read afresh', hidden: true }),
    external: Flags.boolean({ description: 'Accepted for Podman; there are no containers of others here', hidden: true }),
    pod: Flags.boolean({ char: 'p', description: 'Their pods too' }),
    ns: Flags.boolean({ description: 'The numbers of their namespaces', aliases: ['namespace'], exclusive: ['pod', 'size'] }),
    watch: Flags.integer({ char: 'w', description: 'Show them anew every n seconds, until interrupted', helpValue: 'n', min: 1 }),
  };
  static override examples = [
    'scull ps -a',
    { description: 'Names and states of all with a label, in columns', command: "scull ps -a --filter label=tier=test --format 'table {{.Names}}\\t{{.Status}}'" },
    { description: 'Remove what has ended', command: 'scull rm $(scull ps -aq --filter status=exited)' },
  ];

  async run(): Promise<void> {
    const { flags } = await this.parse(ContainerLs);
    const text = await this.listing(flags);
    if (flags.watch === undefined) return this.print(text);
    const clear = (await this.isTerminal()) ? '\u001b[H\u001b[2J' : '';
    for (this.print(clear + text); ; this.print(clear + (await this.listing(flags)))) await new Promise((resolve) => setTimeout(resolve, (flags.watch as number) * 1000));
  }

  private async listing(flags: Interfaces.InferredFlags<typeof ContainerLs.flags>): Promise<string> {
    if (flags.quiet && flags.size) throw new ScullError('USAGE', '--quiet and --size cannot be used together');
    const now = Date.now();
    const { format } = flags;
    const size = flags.size || /\.Size\b/.test(format ?? '') || flags.sort === 'size';
    const last = flags.latest ? 1 : flags.last !== undefined && flags.last >= 0 ? flags.last : undefined;
    const { listContainers } = await import('../../engine/containers/list.ts');
    const containers = await listContainers(await this.engine(), { all: flags.all, last, filters: containerFilters(flags.filter, now), size, namespaces: flags.ns });
    const { presentContainers } = await import('../../cli/present/containers.ts');
    const options = { format, quiet: flags.quiet, noTrunc: flags['no-trunc'], noHeading: flags.noheading, size: flags.size, pod: flags.pod, namespaces: flags.ns, sort: flags.sort, now };
    return presentContainers(containers, options);
  }
}
