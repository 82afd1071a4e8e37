/** `scull run` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';
import { createCommandOf } from '../../cli/create-command.ts';
import { attachFlags, parseStreams } from '../../cli/flags/attach.ts';
import { containerFlags } from '../../cli/flags/container.ts';
import { toggle } from '../../cli/flags/declare.ts';
import { preservedDescriptors, preserveFlags } from '../../cli/flags/descriptors.ts';
import { registryChoices } from '../../cli/flags/registry.ts';

export default class Run extends ScullCommand {
  static override summary = 'Run a command in a new container';
  static override description = [
    'Makes a container from an image (pulling it if it is missing) and runs COMMAND in it, or what the image names.',
    'Everything after IMAGE belongs to the command, unchanged, also what looks like a flag.',
    '',
    "The exit status is the command's; 125 if scull itself failed, 126 if the command cannot be executed, 127 if it is not found, 128+n if signal n ended it.",
  ].join('\n');
  static override examples = [
    { description: 'A shell that leaves nothing behind', command: 'scull run --rm -it debian bash' },
    { description: 'A server in the background, reachable on port 8080 of the host', command: 'scull run -d --name web -p 8080:80 nginx' },
    { description: 'Work on the files of this directory as yourself', command: 'scull run --rm -v .:/work -w /work --userns=keep-id node npm test' },
    { description: 'A program that is not trusted: as users that nobody else has, not even you', command: 'scull run --rm --userns=auto --network none debian ./program' },
    { description: 'Without network, nothing writable, no capabilities', command: 'scull run --rm --network none --read-only --cap-drop all busybox id' },
  ];
  static override stopAtFirstWord = true;
  static override args = {
    image: Args.string({ required: true, description: 'Name or id of an image; with --rootfs a directory' }),
    command: Args.string({ multiple: true, description: 'Command and arguments' }),
  };
  static override flags = {
    ...containerFlags,
    ...attachFlags,
    ...preserveFlags,
    detach: toggle('attach', 'Run in the background and print the id', { char: 'd' }),
    rmi: toggle('process', 'Remove the image too when the container ends, unless something else uses it'),
  };

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(Run);
    const streams = parseStreams(flags.attach);
    const { detach = false } = flags;
    if (detach && streams !== undefined) this.usage('--detach and --attach cannot be used together');
    const [{ containerSpec }, { runContainer }] = await Promise.all([
      import('../../cli/container-spec-flags.ts'),
      import('../../engine/containers/run.ts'),
    ]);
    const spec = await containerSpec(flags, argv as string[], this.tokens);
    if (spec.tty && spec.interactive && !detach && !(await this.isTerminal(0))) {
      this.warn('standard input is not a terminal: --tty and --interactive together may not work as expected');
    }
    const engine = await this.engine({ quiet: flags.quiet });
    const { id, exitCode } = await runContainer(engine, spec, {
      createCommand: createCommandOf(this.typed, this.argv, argv.length),
      replace: flags.replace ?? false,
      registry: await registryChoices(flags),
      detach,
      attach: streams,
      sigProxy: flags['sig-proxy'] ?? true,
      detachKeys: flags['detach-keys'],
      descriptors: preservedDescriptors(flags),
      removeImage: flags.rmi ?? false,
    });
    if (detach) this.printLine(id);
    return exitCode ?? 0;
  }
}
