/** `scull generate systemd` */
import * as Args from '@oclif/core/args';
import { resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

const RESTARTS = ['no', 'on-success', 'on-failure', 'on-abnormal', 'on-watchdog', 'on-abort', 'always'];

export default class GenerateSystemd extends ScullCommand {
  static override summary = 'Make a systemd unit for a container that is there';
  static override description = 'For new services a Quadlet file is better: see `scull unit install`. Prints the unit, or with --files the path of the file.';
  static override args = { container: Args.string({ required: true, description: 'Name or id' }) };
  static override flags = {
    new: Flags.boolean({ description: 'Make the container anew at every start, by the command that made it' }),
    format: Flags.option({ options: ['json'] as const })({ description: 'json: an object of texts, or with --files of paths, by the names of the units' }),
    files: Flags.boolean({ char: 'f', description: 'Write a file into this directory' }),
    name: Flags.boolean({ char: 'n', description: 'Use the name of the container, not its id' }),
    'container-prefix': Flags.string({ description: "Begin of the unit's name", helpValue: 'text', default: 'container' }),
    separator: Flags.string({ description: 'Between that and the name', helpValue: 'text', default: '-' }),
    'restart-policy': Flags.string({ description: 'When systemd starts it again', helpValue: 'policy', default: 'on-failure', options: RESTARTS }),
    'restart-sec': Flags.integer({ description: 'Seconds before that', helpValue: 'n', min: 0 }),
    'start-timeout': Flags.integer({ description: 'Seconds that a start may take', helpValue: 'n', min: 0 }),
    'stop-timeout': Flags.integer({ char: 't', aliases: ['time'], description: 'Seconds from the stop signal to SIGKILL', helpValue: 'n', min: 0 }),
    template: Flags.boolean({ description: 'Make a template, NAME@.service' }),
    wants: Flags.string({ description: 'Weak dependency', helpValue: 'unit', multiple: true }),
    after: Flags.string({ description: 'Order', helpValue: 'unit', multiple: true }),
    requires: Flags.string({ description: 'Strong dependency', helpValue: 'unit', multiple: true }),
    env: Flags.string({ char: 'e', description: 'Variable for the unit', helpValue: 'name=value', multiple: true }),
    header: Flags.boolean({ description: 'Begin with a comment that says where it comes from', allowNo: true, default: true }),
  };
  static override examples = [
    'scull generate systemd --name web',
    { description: 'A unit that makes the container anew at every start', command: 'scull generate systemd --new --files --name web && mv container-web.service ~/.config/systemd/user/' },
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(GenerateSystemd);
    const { generateSystemd } = await import('../../engine/units/generate.ts');
    const { name, text } = generateSystemd(await this.engine(), args.container, {
      new: flags.new,
      useName: flags.name,
      prefix: flags['container-prefix'],
      separator: flags.separator,
      restart: flags['restart-policy'],
      restartSeconds: flags['restart-sec'],
      startTimeout: flags['start-timeout'],
      stopTimeout: flags['stop-timeout'],
      template: flags.template,
      wants: flags.wants ?? [],
      after: flags.after ?? [],
      requires: flags.requires ?? [],
      env: flags.env ?? [],
      header: flags.header,
    });
    const path = resolve(name);
    if (flags.files) {
      const { writeFileAtomic } = await import('../../host/files.ts');
      writeFileAtomic(path, text, { mode: 0o644 });
    }
    if (flags.format === 'json') return this.printLine(JSON.stringify({ [name.replace(/\.service$/, '')]: flags.files ? path : text }));
    return flags.files ? this.printLine(path) : this.print(text);
  }
}
