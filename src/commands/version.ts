/** `scull version` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../cli/command.ts';

export default class Version extends ScullCommand {
  static override summary = 'Show the versions of scull and of the programs it works with';
  static override flags = { format: Flags.string({ char: 'f', description: "json, or a Go template, e.g. '{{.Client.Version}}'", helpValue: 'format' }) };
  static override examples = ['scull version', "scull version --format '{{.Client.Version}}'"];

  async run(): Promise<void> {
    const { flags } = await this.parse(Version);
    const { componentVersions, versionInfo } = await import('../engine/system/version.ts');
    // A template that does not ask for them need not wait for other programs.
    const components = flags.format === undefined || /json|Components/.test(flags.format) ? await componentVersions() : [];
    const { presentVersion } = await import('../cli/present/system.ts');
    this.print(presentVersion(versionInfo().Client, components, flags.format));
  }
}
