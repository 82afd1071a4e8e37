/** Flags that every command takes, before the command's name as well as after it. */
import * as Flags from '@oclif/core/flags';

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

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
  'storage-driver': Flags.option({ options: ['auto', 'overlay', 'fuse-overlayfs', 'vfs'] as const })({
    description: 'How layers are put together',
    helpGroup: 'GLOBAL',
    helpValue: 'driver',
  }),
  'log-level': Flags.option({ options: LOG_LEVELS })({
    description: 'How much is said on standard error (default warn)',
    helpGroup: 'GLOBAL',
    helpValue: 'level',
  }),
  debug: Flags.boolean({ description: 'The same as --log-level debug', helpGroup: 'GLOBAL' }),
};
