/** `scull cp` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class Cp extends ScullCommand {
  static override summary = 'Copy files between containers and this machine';
  static override description =
    'A file copied to a directory keeps its name; a directory is copied into one that exists, and becomes one that does not. `dir/.` means what is in it. `-` reads a tar, or writes one. The container may run or not. Links are followed within the container only.';
  static override args = {
    source: Args.string({ required: true, description: 'CONTAINER:PATH, PATH, or - for a tar' }),
    destination: Args.string({ required: true, description: 'CONTAINER:PATH, PATH, or - for a tar' }),
  };
  static override flags = {
    archive: Flags.boolean({ char: 'a', description: "Give what is copied to a container to the container's user (default true); false keeps owners", default: true }),
    overwrite: Flags.boolean({ description: 'A directory may replace something else, and the other way round' }),
    'follow-link': Flags.boolean({ char: 'L', description: 'Accepted for Docker: links that are named are always followed', hidden: true }),
    pause: Flags.boolean({ description: 'Accepted for Podman', hidden: true }),
    quiet: Flags.boolean({ char: 'q', description: 'Accepted for Docker', hidden: true }),
  };
  static override examples = [
    'scull cp web:/etc/nginx/nginx.conf .',
    { description: "What is in a folder, not the folder itself", command: 'scull cp ./site/. web:/usr/share/nginx/html' },
    { description: 'As a tar', command: 'scull cp web:/var/log - | tar -tv' },
    'scull cp one:/data two:/data',
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Cp);
    const { copy, parseCopySide } = await import('../../engine/containers/copy.ts');
    const input = async () => (await import('../../cli/input.ts')).inputStream();
    if (args.source === '-' && (await this.isTerminal(0))) this.usage('standard input is a terminal: redirect a tar to it, or name a file');
    await copy(await this.engine(), parseCopySide(args.source), parseCopySide(args.destination), { archive: flags.archive, overwrite: flags.overwrite, input });
  }
}
