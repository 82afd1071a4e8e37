/** `scull volume inspect` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { inspectEach } from '../../cli/inspection.ts';
import { ScullError } from '../../host/errors.ts';

export default class VolumeInspect extends ScullCommand {
  static override summary = 'Show all that is known of volumes';
  static override args = { volume: Args.string({ description: 'Name', multiple: true }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'All volumes' }),
    format: Flags.string({ char: 'f', description: "json (default), or a Go template, e.g. '{{.Mountpoint}}'", helpValue: 'format' }),
  };
  static override examples = ['scull volume inspect data', { description: 'Where its files are', command: "scull volume inspect -f '{{.Mountpoint}}' data" }];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(VolumeInspect);
    if (flags.all === argv.length > 0) throw new ScullError('USAGE', 'give names of volumes, or --all');
    const { inspectVolume, listVolumes } = await import('../../engine/volumes/list.ts');
    const engine = await this.engine();
    const names = flags.all ? listVolumes(engine).map((volume) => volume.Name) : (argv as string[]);
    const { objects, errors } = await inspectEach(names, (name) => inspectVolume(engine, name));
    const { presentInspect } = await import('../../cli/present/inspect.ts');
    this.print(presentInspect(objects, flags.format));
    let status = 0;
    for (const error of errors) status = await this.report(error);
    return status;
  }
}
