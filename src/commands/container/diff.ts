/** `scull container diff` */
import * as Args from '@oclif/core/args';
import Diff from '../diff.ts';

export default class ContainerDiff extends Diff {
  static override summary = 'Show what changed in a container since it was made';
  static override args = {
    container: Args.string({ required: true, description: 'Name or id' }),
    other: Args.string({ description: 'Container to compare with' }),
  };
  static override examples = ['scull container diff web'];
  static override kind = 'container' as const;
}
