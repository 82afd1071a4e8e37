/** `scull pod inspect` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { inspectEach } from '../../cli/inspection.ts';
import { podArgs, readPodSelection } from '../../cli/pod-selection.ts';

export default class PodInspect extends ScullCommand {
  static override summary = 'Show all that is known of pods';
  static override description = "JSON in Podman's shape.";
  static override args = podArgs;
  static override flags = {
    format: Flags.string({ char: 'f', description: "json (default), or a Go template, e.g. '{{.State}}'", helpValue: 'format' }),
    latest: Flags.boolean({ char: 'l', description: 'The pod made last' }),
  };
  static override examples = ['scull pod inspect shop', { description: 'Names of its containers', command: "scull pod inspect -f '{{range .Containers}}{{.Name}} {{end}}' shop" }];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(PodInspect);
    const selection = readPodSelection(argv as string[], flags);
    const [{ inspectPod }, { latestPod }] = await Promise.all([import('../../engine/pods/inspect.ts'), import('../../engine/pods/selection.ts')]);
    const engine = await this.engine();
    const names = flags.latest ? [latestPod(engine).id] : (selection.names ?? []);
    const { objects, errors } = await inspectEach(names, (name) => inspectPod(engine, name));
    const { presentInspect } = await import('../../cli/present/inspect.ts');
    this.print(presentInspect(objects, flags.format));
    let status = 0;
    for (const error of errors) status = await this.report(error);
    return status;
  }
}
