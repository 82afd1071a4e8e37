/** `scull manifest annotate` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { instanceFlags, instanceNotes, listAnnotations } from '../../cli/flags/manifest.ts';

export default class ManifestAnnotate extends ScullCommand {
  static override summary = 'Say more about a list, or about an image in it';
  static override description = "With --index (or --subject) the annotations are those of the list itself. Prints the list's id.";
  static override args = {
    list: Args.string({ required: true, description: 'Name or id of the list' }),
    image: Args.string({ description: 'Digest of an image in the list, or its name here' }),
  };
  static override flags = {
    ...instanceFlags,
    'os-features': Flags.string({ description: 'Features of the operating system that the image needs', helpValue: 'feature', multiple: true, delimiter: ',' }),
    index: Flags.boolean({ description: 'Annotations are those of the list itself' }),
    subject: Flags.string({ description: 'The image that the list belongs to', helpValue: 'image' }),
  };
  static override examples = [
    'scull manifest annotate --arch arm64 --variant v8 app:1 app:1-arm64',
    { description: 'The list itself', command: 'scull manifest annotate --index --annotation org.opencontainers.image.version=1 app:1' },
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ManifestAnnotate);
    const engine = await this.engine();
    const whole = flags.index || flags.subject !== undefined;
    if (whole === (args.image !== undefined)) this.usage(whole ? 'with --index or --subject no image of the list is named' : 'either an image of the list, or --index is missing');
    const { annotateManifest, annotateManifestIndex } = await import('../../engine/manifests/change.ts');
    const { annotations = {}, ...platform } = instanceNotes(flags);
    if (args.image === undefined) {
      if (Object.values(platform).some((value) => value !== undefined)) this.usage('a platform is said of an image in the list, not of the list itself');
      this.printLine((await annotateManifestIndex(engine, args.list, annotations, flags.subject)).replace(/^sha256:/, ''));
    } else {
      this.printLine((await annotateManifest(engine, args.list, args.image, { ...platform, annotations: listAnnotations(flags.annotation) })).replace(/^sha256:/, ''));
    }
  }
}
