/** `scull exec` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';
import { detachKeysFlag } from '../../cli/flags/attach.ts';
import { list, text, toggle } from '../../cli/flags/declare.ts';
import { preservedDescriptors, preserveFlags } from '../../cli/flags/descriptors.ts';
import { latestFlag } from '../../cli/flags/latest.ts';
import { readUserFile } from '../../cli/user-file.ts';

export default class Exec extends ScullCommand {
  static override summary = 'Run a command in a running container';
  static override description = [
    'Everything after CONTAINER belongs to the command, unchanged.',
    '',
    "The exit status is the command's; 125 if scull itself failed, 126 if the command cannot be executed, 127 if it is not found.",
  ].join('\n');
  static override examples = [
    { description: 'A shell in a running container', command: 'scull exec -it web sh' },
    { description: 'One command as another user, with a variable', command: 'scull exec -u postgres -e PGDATABASE=shop db psql -c "select 1"' },
    { description: 'Feed a file to a command', command: 'scull exec -i db psql < dump.sql' },
  ];
  static override stopAtFirstWord = true;
  static override args = {
    container: Args.string({ description: 'Name or id; leave it out with --cidfile' }),
    command: Args.string({ multiple: true, description: 'Command and arguments' }),
  };
  static override flags = {
    interactive: toggle('process', 'Keep standard input open', { char: 'i' }),
    tty: toggle('process', 'Give the command a terminal', { char: 't' }),
    detach: toggle('process', 'Run it in the background', { char: 'd' }),
    user: text('process', 'user[:group]', "Who the command runs as (default: the container's user)", { char: 'u' }),
    workdir: text('process', 'path', 'Working directory in the container', { char: 'w' }),
    env: list('process', 'name[=value]', "Set a variable; without a value it is the caller's", { char: 'e' }),
    'env-file': list('process', 'file', 'Set the variables in a file, one name=value a line'),
    privileged: toggle('process', 'Give the command all capabilities of the container\'s user namespace'),
    'detach-keys': detachKeysFlag,
    ...preserveFlags,
    cidfile: text('process', 'file', 'Read the id of the container from this file'),
    // Podman's switch for not recording the session: scull never does.
    'no-session': toggle('process', 'Accepted for Podman', { hidden: true }),
    latest: latestFlag,
  };

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(Exec);
    const words = argv as string[];
    const container = flags.cidfile === undefined ? words[0] : readUserFile(flags.cidfile, '--cidfile').trim();
    const command = flags.cidfile === undefined ? words.slice(1) : words;
    if (container === undefined) this.usage('CONTAINER is missing');
    if (command.length === 0) this.usage('no command was given to run in the container');
    const [{ environmentOf }, { execInContainer }] = await Promise.all([
      import('../../cli/container-spec-flags.ts'),
      import('../../engine/containers/exec.ts'),
    ]);
    if (flags.tty === true && flags.interactive === true && flags.detach !== true && !(await this.isTerminal(0))) {
      this.warn('standard input is not a terminal: --tty and --interactive together may not work as expected');
    }
    return execInContainer(await this.engine(), container, {
      command,
      tty: flags.tty ?? false,
      interactive: flags.interactive ?? false,
      detach: flags.detach ?? false,
      user: flags.user,
      workdir: flags.workdir,
      env: environmentOf(flags),
      privileged: flags.privileged ?? false,
      detachKeys: flags['detach-keys'],
      descriptors: preservedDescriptors(flags),
    });
  }
}
