/** Flags that every command takes, before the command's name as well as after it. */
import * as Flags from '@oclif/core/flags';
import { ScullError } from '../../host/errors.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** Ours, and what Podman has besides. */
const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'fatal', 'panic', 'warning', 'trace'] as const;
export type LogLevelWord = (typeof LOG_LEVELS)[number];

/** Podman's levels in ours. */
export function logLevelOf(word: LogLevelWord): LogLevel {
  switch (word) {
    case 'fatal':
    case 'panic':
      return 'error';
    case 'warning':
      return 'warn';
    case 'trace':
      return 'debug';
    default:
      return word;
  }
}

export const globalFlags = {
  root: Flags.string({
    description: 'Directory of what lasts: images, containers, volumes',
    helpGroup: 'GLOBAL',
    helpValue: 'dir',
  }),
  runroot: Flags.string({
    description: 'Directory of what need not survive a reboot',
    helpGroup: 'GLOBAL',
    helpValue: 'dir',
  }),
  // Podman keeps two such directories.
  tmpdir: Flags.string({ description: 'The same as --runroot, which goes before it', helpGroup: 'GLOBAL', hidden: true }),
  'storage-driver': Flags.option({ options: ['auto', 'overlay', 'fuse-overlayfs', 'vfs'] as const })({
    description: 'How layers are put together',
    helpGroup: 'GLOBAL',
    helpValue: 'driver',
  }),
  'cgroup-manager': Flags.option({ options: ['systemd', 'cgroupfs'] as const })({
    description: 'Who makes control groups (default: systemd where the user has one running)',
    helpGroup: 'GLOBAL',
    helpValue: 'manager',
  }),
  'log-level': Flags.option({ options: LOG_LEVELS })({
    description: 'How much is said on standard error (default warn)',
    helpGroup: 'GLOBAL',
    helpValue: 'level',
  }),
  syslog: Flags.boolean({ description: "Write errors and warnings to the system's log as well", helpGroup: 'GLOBAL' }),
  debug: Flags.boolean({ description: 'The same as --log-level debug', helpGroup: 'GLOBAL' }),
};

/** Podman's that are not there, before the command's name only: known, so that the error says more than "unknown flag". */
export const refusedGlobalFlags = {
  ...refused(['remote'], 'scull has no remote client: it works for the user who runs it, on this machine', 'run it over ssh: ssh HOST scull …', { bare: true }),
  ...refused(['connection', 'url', 'identity', 'ssh', 'tls-ca', 'tls-cert', 'tls-key'], 'scull has no remote client: it works for the user who runs it, on this machine', 'run it over ssh: ssh HOST scull …'),
  ...refused(['config', 'module'], 'scull does not read configuration files by flag', 'what is wanted always is in ~/.config/scull/scull.toml'),
  ...refused(['transient-store'], 'a store is made to last', 'for one that a reboot forgets name a directory in memory: --root $XDG_RUNTIME_DIR/scull-store', { bare: true }),
  ...refused(['imagestore', 'volumepath'], 'images, containers and volumes stay together: each appears by a rename, on one file system', 'move all of them with --root, or [storage] root in ~/.config/scull/scull.toml'),
  ...refused(['storage-opt'], 'the storage drivers have no options', 'choose a driver with --storage-driver'),
  ...refused(['runtime'], 'containers are run by crun', 'leave it out', { accepted: /^(?:.*\/)?crun$/ }),
  ...refused(['runtime-flag'], 'flags are not handed to the runtime', 'leave it out'),
  ...refused(['conmon'], 'conmon is looked for on the PATH', 'put the folder of the one that you want first on the PATH', { accepted: /^(?:\/usr(?:\/local)?\/bin\/)?conmon$/ }),
  ...refused(['events-backend'], 'events are kept in a file of the store', 'leave it out', { accepted: /^file$/ }),
  ...refused(['hooks-dir'], 'hooks are not supported', 'leave it out'),
  ...refused(['cdi-spec-dir'], 'CDI files are looked for where all tools write them', 'put yours into ~/.config/cdi'),
  ...refused(['network-config-dir'], 'networks are kept in the store', 'choose another store with --root'),
  ...refused(['network-cmd-path'], 'pasta is looked for on the PATH', 'put the folder of the one that you want first on the PATH'),
  ...refused(['default-mounts-file'], 'there are no default mounts', 'give mounts with --volume'),
  ...refused(['namespace'], 'there are no namespaces of containers', 'use --root for a store of its own'),
  ...refused(['out'], 'output goes where the shell sends it', 'use the shell: scull … > FILE'),
  ...refused(['noout'], 'output goes where the shell sends it', 'use the shell: scull … > /dev/null', { bare: true }),
};

interface RefusedOptions {
  /** It takes no value. */
  readonly bare?: boolean;
  /** Values that ask for what is done anyway. */
  readonly accepted?: RegExp;
}

function refused(names: readonly string[], why: string, hint: string, { bare = false, accepted }: RefusedOptions = {}) {
  const parseFor = (name: string) => async (input: unknown): Promise<unknown> => {
    if (input === false || (typeof input === 'string' && accepted?.test(input) === true)) return input;
    throw new ScullError('UNSUPPORTED', `--${name}: ${why}`, { hint });
  };
  return Object.fromEntries(names.map((name) => [name, { type: bare ? 'boolean' : 'option', parse: parseFor(name) } as const]));
}
