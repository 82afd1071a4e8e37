/** `scull commit` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class Commit extends ScullCommand {
  static override summary = 'Make an image of a container';
  static override description =
    "What the container changed becomes a layer on top of its image, with the container's command, environment and labels. Mounts are not part of it. Prints the image's id. The container may run; what it writes meanwhile may be in the image or not, unless it is paused.";
  static override args = {
    container: Args.string({ required: true, description: 'Name or id' }),
    image: Args.string({ description: 'Name for the image; a short one becomes localhost/NAME' }),
  };
  static override flags = {
    author: Flags.string({ char: 'a', description: 'Who made it', helpValue: 'name' }),
    change: Flags.string({ char: 'c', description: "Instruction of a Containerfile, e.g. 'CMD [\"sh\"]': CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR", helpValue: 'instruction', multiple: true }),
    format: Flags.option({ options: ['oci', 'docker'] as const })({ char: 'f', description: 'Kind of manifest', helpValue: 'oci|docker', default: 'oci' }),
    iidfile: Flags.string({ description: "Write the image's id to this file", helpValue: 'file' }),
    'include-volumes': Flags.boolean({ description: "The container's mounts become volumes of the image" }),
    message: Flags.string({ char: 'm', description: 'Comment for its history', helpValue: 'text' }),
    pause: Flags.boolean({ char: 'p', description: 'Freeze the container meanwhile' }),
    quiet: Flags.boolean({ char: 'q', description: 'No progress' }),
    squash: Flags.boolean({ char: 's', description: 'One layer with everything, instead of one on top of those of its image' }),
  };
  static override examples = [
    'scull commit web web:tried',
    { description: 'With another command', command: "scull commit -c 'CMD [\"nginx\", \"-g\", \"daemon off;\"]' -m 'with my pages' web site" },
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Commit);
    const { commitContainer } = await import('../../engine/containers/commit.ts');
    const { author, change: changes, message, pause, squash, format } = flags;
    const options = { name: args.image, author, changes, message, pause, squash, format, includeVolumes: flags['include-volumes'] };
    const image = await commitContainer(await this.engine({ quiet: flags.quiet }), args.container, options);
    const id = image.id.slice(image.id.indexOf(':') + 1);
    if (flags.iidfile !== undefined) (await import('../../cli/user-file.ts')).writeUserFile(flags.iidfile, id, '--iidfile');
    this.printLine(id);
  }
}
