/** `scull logout` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../cli/command.ts';
import { escapeControl } from '../cli/escape.ts';
import { loginFlags } from '../cli/flags/registry.ts';

export default class Logout extends ScullCommand {
  static override summary = 'Forget the login for a registry';
  static override description = 'Prints what was forgotten. Logins that Docker keeps in a file of its own stay; `docker logout` is for them.';
  static override args = { registry: Args.string({ description: 'host[:port], as it was logged in to (default docker.io)' }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'All registries' }),
    authfile: loginFlags.authfile,
    'compat-auth-file': Flags.string({ description: "The same, for a file that Docker's programs read too", helpValue: 'file', exclusive: ['authfile'] }),
  };
  static override examples = ['scull logout quay.io', { description: 'Leave nothing behind', command: 'scull logout --all' }];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Logout);
    if (flags.all && args.registry !== undefined) this.usage('--all and a registry cannot be used together');
    const { logout } = await import('../engine/registries/login.ts');
    const forgotten = await logout(flags.all ? undefined : (args.registry ?? ''), { authFile: flags['compat-auth-file'] ?? flags.authfile });
    for (const registry of forgotten) this.printLine(`Removed login credentials for ${escapeControl(registry)}`);
  }
}
