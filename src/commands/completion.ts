/** `scull completion bash|zsh|fish` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../cli/command.ts';

export default class Completion extends ScullCommand {
  static override summary = 'Print the completion script of a shell';
  static override description = 'With it, Tab completes commands, flags, and the names of containers, images and volumes.';
  static override args = {
    shell: Args.string({ required: true, options: ['bash', 'zsh', 'fish'] }),
  };
  static override examples = [
    { description: 'For this bash session', command: 'source <(scull completion bash)' },
    { description: 'For every bash session', command: 'scull completion bash > ~/.local/share/bash-completion/completions/scull' },
    { description: 'For every fish session', command: 'scull completion fish > ~/.config/fish/completions/scull.fish' },
  ];

  async run(): Promise<void> {
    const { args } = await this.parse(Completion);
    const { completionScript } = await import('../cli/completion-scripts.ts');
    this.print(completionScript(args.shell as 'bash' | 'zsh' | 'fish'));
  }
}
