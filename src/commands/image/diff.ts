/** `scull image diff` */
import * as Args from '@oclif/core/args';
import Diff, { diffFlags } from '../diff.ts';

export default class ImageDiff extends Diff {
  static override summary = 'Show what the last layer of an image changed, or what is different in another image';
  static override args = {
    image: Args.string({ required: true, description: 'Name or id' }),
    other: Args.string({ description: 'Image to compare with' }),
  } as unknown as typeof Diff.args;
  static override flags = diffFlags;
  static override examples = ['scull image diff app', { description: 'Two versions', command: 'scull image diff app:2 app:1' }];
  static override kind = 'image' as const;
}
