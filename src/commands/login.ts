/** `scull login` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../cli/command.ts';
import { loginFlags, registryChoices } from '../cli/flags/registry.ts';

export default class Login extends ScullCommand {
  static override summary = 'Log in to a registry';
  static override description =
    'What is missing is asked for, unless a login that is kept still works. A login that the registry takes is kept in ~/.config/containers/auth.json, readable by you alone and known to Podman, Buildah and Skopeo too, until `scull logout`.';
  static override args = { registry: Args.string({ description: 'host[:port], or a part of it such as quay.io/team (default docker.io)' }) };
  static override flags = {
    username: Flags.string({ char: 'u', description: 'User name', helpValue: 'name' }),
    password: Flags.string({ char: 'p', description: 'Password; other users may see it in the list of processes', helpValue: 'password' }),
    'password-stdin': Flags.boolean({ description: 'Read the password from standard input' }),
    'get-login': Flags.boolean({ description: 'Print who is logged in, and do nothing else' }),
    verbose: Flags.boolean({ char: 'v', description: 'Print where the login is kept' }),
    ...loginFlags,
    secret: Flags.string({ description: 'Take the password from this secret, and the user name from its name unless given', helpValue: 'name', exclusive: ['password', 'password-stdin'] }),
    'compat-auth-file': Flags.string({ description: "Keep the login in this file, in the words of Docker's config.json", helpValue: 'file', exclusive: ['authfile'] }),
  };
  static override examples = [
    'scull login quay.io',
    { description: 'In a script', command: 'scull login -u ci --password-stdin registry.lan:5000 < token' },
    { description: 'Who am I at Docker Hub?', command: 'scull login --get-login' },
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Login);
    if (flags['password-stdin'] && flags.password !== undefined) this.usage('--password and --password-stdin cannot be used together');
    if (flags['password-stdin'] && flags.username === undefined) this.usage('--password-stdin needs --username');
    const registry = args.registry ?? '';
    const { loggedInUser, login, tryKeptLogin } = await import('../engine/registries/login.ts');
    if (flags['get-login']) return this.printLine(await loggedInUser(registry, { authFile: flags.authfile }));
    const { ask, askSecret, readSecretInput } = await import('../cli/prompt.ts');
    const hint = 'use --username and --password-stdin';
    const engine = await this.engine();
    const compatible = flags['compat-auth-file'];
    // The file may be a new one.
    const choices = { ...(await registryChoices({ ...flags, authfile: undefined })), authFile: compatible ?? flags.authfile };
    if (flags.username === undefined && flags.password === undefined && flags.secret === undefined) {
      const kept = await tryKeptLogin(engine, registry, choices);
      if (kept?.valid === true) return this.printLine(`Existing credentials are valid. Already logged in to ${kept.registry}`);
      if (kept !== undefined) this.warn(`${kept.registry} does not take the login that is kept any more`);
    }
    const username = flags.username ?? flags.secret ?? (await ask('Username: ', hint));
    const password = flags['password-stdin'] ? await readSecretInput() : (flags.password ?? (flags.secret === undefined ? await askSecret('Password: ', hint) : (await import('../engine/secrets/find.ts')).secretText(engine, flags.secret)));
    if (password === '') this.usage('the password is empty');
    const place = await login(engine, registry, { ...choices, username, password, dockerKeys: compatible !== undefined });
    if (flags.verbose) this.printLine(`Used: ${place}`);
    this.printLine('Login Succeeded!');
  }
}
