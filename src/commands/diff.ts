/** `scull diff` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../cli/command.ts';
import { latestFlag } from '../cli/flags/latest.ts';
import type { DiffKind } from '../engine/containers/diff.ts';

export const diffFlags = { format: Flags.option({ options: ['json'] as const })({ description: 'json: three lists of paths', helpValue: 'json' }) };

export default class Diff extends ScullCommand {
  static override summary = 'Show what changed in a container, or in the last layer of an image';
  static override description =
    'A: added, C: changed, D: deleted. A container is compared with the image it was made from, an image with the layers below its last; either with another one where two are named. Mounts are not looked at.';
  static override args = {
    container: Args.string({ required: true, description: 'Container or image' }),
    other: Args.string({ description: 'Container or image to compare with' }),
  };
  static override flags: typeof diffFlags & { latest?: typeof latestFlag } = { ...diffFlags, latest: latestFlag };
  static override examples = ['scull diff web', { description: 'What an update of an image brought', command: 'scull diff debian:13 debian:12' }, 'scull diff --format json web'];
  /** What the names may mean. */
  static kind: DiffKind = 'any';

  /** The class that was called: this one or one of those below it. */
  private get declared(): typeof Diff {
    return this.ctor as unknown as typeof Diff;
  }

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(this.declared);
    const [name, other] = argv as [string, string?];
    const [{ diff }, { presentChanges }] = await Promise.all([import('../engine/containers/diff.ts'), import('../cli/present/changes.ts')]);
    await presentChanges(diff(await this.engine(), name, other, this.declared.kind), flags.format, (text) => this.print(text));
  }
}
