/** `scull build` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';
import { buildFlags } from '../../cli/flags/build.ts';
import { registryChoices } from '../../cli/flags/registry.ts';

export default class ImageBuild extends ScullCommand {
  static override summary = 'Make an image by a Containerfile';
  static override description = [
    'CONTEXT is the directory that COPY and ADD take files from (default: the current one); or - for a tar or a Containerfile on standard input; or a git or http URL.',
    'Steps that were executed before, with the same files and values, are not executed again. Stages that do not need each other are built at the same time.',
    "Progress goes to standard error, the image's id to standard output. A command that fails in a RUN step gives the exit status.",
  ].join('\n');
  static override args = { context: Args.string({ description: 'Directory, -, or URL', default: '.' }) };
  static override flags = buildFlags;
  static override examples = [
    { description: 'The Containerfile of this directory, under two names', command: 'scull build -t app -t app:1.2 .' },
    { description: 'One stage of another file, with a value for an ARG', command: 'scull build -f docker/web.Dockerfile --target web --build-arg VERSION=3 .' },
    { description: 'With a secret that stays out of the image', command: 'scull build --secret id=npmrc,src=$HOME/.npmrc .' },
    { description: 'The same image wherever and whenever it is built', command: 'scull build --timestamp $(git log -1 --format=%ct) -t app .' },
    { description: 'Only the files that the last stage made', command: 'scull build -o out .' },
    { description: 'Look for mistakes', command: 'scull build --check .' },
  ];

  async run(): Promise<number> {
    const { args, flags } = await this.parse(ImageBuild);
    const { runBuild } = await import('../../cli/build-command.ts');
    return runBuild({
      context: args.context,
      flags,
      tokens: this.tokens,
      registry: await registryChoices(flags),
      engine: await this.engine({ quiet: flags.quiet || flags.progress === 'quiet' }),
      terminalOutput: await this.isTerminal(2),
      terminalInput: await this.isTerminal(0),
      print: (line) => this.printLine(line),
    });
  }
}
