/** `scull network inspect` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { inspectEach } from '../../cli/inspection.ts';

export default class NetworkInspect extends ScullCommand {
  static override summary = 'Show all that is known of networks';
  static override description = "JSON with the names of both Docker (capital letters) and Podman (small letters); the containers are those that run.";
  static override args = { network: Args.string({ required: true, description: 'Name or id', multiple: true }) };
  static override flags = {
    format: Flags.string({ char: 'f', description: "json (default), or a Go template, e.g. '{{(index .IPAM.Config 0).Subnet}}'", helpValue: 'format' }),
    verbose: Flags.boolean({ char: 'v', description: 'Accepted for Docker', hidden: true }),
  };
  static override examples = ['scull network inspect front', { description: 'Who is on it', command: "scull network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}} {{end}}' front" }];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(NetworkInspect);
    const { inspectNetwork } = await import('../../engine/networks/list.ts');
    const engine = await this.engine();
    const { objects, errors } = await inspectEach(argv as string[], (name) => inspectNetwork(engine, name));
    const { presentInspect } = await import('../../cli/present/inspect.ts');
    this.print(presentInspect(objects, flags.format));
    let status = 0;
    for (const error of errors) status = await this.report(error);
    return status;
  }
}
