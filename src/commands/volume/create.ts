/** `scull volume create` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { parsePairs } from '../../cli/pairs.ts';

export default class VolumeCreate extends ScullCommand {
  static override summary = 'Create a volume';
  static override description =
    'Prints its name. A volume is a directory that outlives containers; the first container that mounts it fills it with what its image has there.';
  static override args = { name: Args.string({ description: 'Name; one is made up otherwise' }) };
  static override flags = {
    label: Flags.string({ char: 'l', description: 'Set a label', helpValue: 'key=value', multiple: true }),
    opt: Flags.string({ char: 'o', description: 'Option of the driver: type, device, o', helpValue: 'key=value', multiple: true }),
    driver: Flags.string({ char: 'd', description: 'Volume driver; there is one, local', helpValue: 'name', default: 'local' }),
    ignore: Flags.boolean({ description: 'A volume of that name is no error; it stays as it is' }),
    uid: Flags.integer({ description: 'Owner, as containers see it', helpValue: 'n', min: 0 }),
    gid: Flags.integer({ description: 'Group, as containers see it', helpValue: 'n', min: 0 }),
    name: Flags.string({ description: "Docker's old way to give the name", hidden: true }),
  };
  static override examples = [
    'scull volume create data',
    { description: 'A directory of the host by name', command: 'scull volume create -o type=none -o o=bind -o device=$HOME/src src' },
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(VolumeCreate);
    const { createVolume } = await import('../../engine/volumes/create.ts');
    const volume = await createVolume(await this.engine(), {
      name: args.name ?? flags.name,
      driver: flags.driver,
      labels: parsePairs(flags.label, '--label'),
      options: parsePairs(flags.opt, '--opt'),
      ignore: flags.ignore,
      uid: flags.uid,
      gid: flags.gid,
    });
    this.printLine(volume.name);
  }
}
