/** `scull info` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../cli/command.ts';

export default class Info extends ScullCommand {
  static override summary = 'Show what scull knows of this host and of its store';
  static override flags = {
    format: Flags.string({ char: 'f', description: "json, or a Go template with the fields of podman info or docker info, e.g. '{{.Store.GraphRoot}}'", helpValue: 'format' }),
    debug: Flags.boolean({ char: 'D', description: 'The same as --log-level debug' }),
  };
  static override examples = ['scull info', { description: 'The storage driver', command: "scull info --format '{{.Store.GraphDriverName}}'" }];

  async run(): Promise<void> {
    const { flags } = await this.parse(Info);
    const { systemInfo } = await import('../engine/system/info.ts');
    const info = await systemInfo(await this.engine());
    const { presentInfo } = await import('../cli/present/system.ts');
    this.print(presentInfo(info, flags.format));
  }
}
