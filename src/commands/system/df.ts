/** `scull system df` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class SystemDf extends ScullCommand {
  static override summary = 'Show where the space of the store goes';
  static override description =
    'The sizes are bytes on disk and together what du sees (`scull unshare du -s` of the store). RECLAIMABLE is what pruning the kind sets free; Leftovers are unfinished and unneeded work, Other is what the store itself needs.';
  static override flags = {
    format: Flags.string({ description: "json, or a Go template, e.g. '{{.Type}} {{.Size}}'", helpValue: 'format', exclusive: ['verbose'] }),
    verbose: Flags.boolean({ char: 'v', description: 'Every image, container and volume; of images also what they share' }),
  };
  static override examples = ['scull system df', 'scull system df -v', { description: 'Bytes that pruning would free, for a script', command: "scull system df --format '{{.Type}}: {{.RawReclaimable}}'" }];

  async run(): Promise<void> {
    const { flags } = await this.parse(SystemDf);
    const { diskUsage } = await import('../../engine/system/disk-usage.ts');
    const usage = await diskUsage(await this.engine({ quiet: true }));
    const { presentDiskUsage, presentDiskUsageInDetail } = await import('../../cli/present/disk-usage.ts');
    if (flags.verbose) this.print(presentDiskUsageInDetail(usage, Date.now()));
    else this.print(presentDiskUsage(usage, { bars: await this.isTerminal(), ...(flags.format === undefined ? {} : { format: flags.format }) }));
  }
}
