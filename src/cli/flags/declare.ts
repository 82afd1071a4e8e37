/** Shorthands for declaring many flags in one table, in oclif's terms. */
import * as Flags from '@oclif/core/flags';
import { ScullError } from '../../host/errors.ts';

type Extra = Pick<NonNullable<Parameters<typeof Flags.boolean>[0]>, 'char' | 'aliases' | 'charAliases' | 'hidden' | 'exclusive'>;

/** A flag with one text value; the last one given wins. */
export function text(helpGroup: string, helpValue: string, description: string, extra: Extra = {}) {
  return Flags.string({ description, helpGroup, helpValue, ...extra });
}

/** A flag that may be repeated; values are collected in order. */
export function list(helpGroup: string, helpValue: string, description: string, extra: Extra = {}) {
  return Flags.string({ description, helpGroup, helpValue, multiple: true, ...extra });
}

/** A flag with one of a few values. */
export function choice<const T extends string>(helpGroup: string, options: readonly T[], description: string) {
  return Flags.option({ options })({ description, helpGroup, helpValue: options.join('|') });
}

/** A whole number. @param range inclusive bounds */
export function integer(helpGroup: string, description: string, range: { readonly min?: number; readonly max?: number } = {}, extra: Extra = {}) {
  return Flags.integer({ description, helpGroup, helpValue: 'n', ...range, ...extra });
}

/** On or off; `--flag=false` is off. */
export function toggle(helpGroup: string, description: string, extra: Extra & { readonly default?: boolean } = {}) {
  return Flags.boolean({ description, helpGroup, ...extra });
}

/** Lets an option be given without a value, which then must follow an `=`. */
export function bare<F extends object>(flag: F, valueIfBare: string): F {
  return Object.assign(flag, { valueIfBare });
}

/**
 * An option that people know from Docker or Podman and this version of scull does not have: not shown in help, and
 * using it is an error that says so instead of "unknown flag".
 * @param accepted values that ask for what scull does anyway, and are taken
 * @param extra.instead the hint: what does the same, or why nothing can
 */
export function unsupported(name: string, accepted: readonly string[] = [], { instead, ...extra }: Extra & { readonly instead?: string } = {}) {
  return Flags.string({
    hidden: true,
    multiple: true,
    ...extra,
    parse: async (input) => {
      if (!accepted.includes(input)) throw notSupported(name, accepted, instead);
      return input;
    },
  });
}

/** The same for an option without a value. @param accepted the value that asks for what scull does anyway */
export function unsupportedToggle(name: string, accepted = false, extra: Extra = {}) {
  return Flags.boolean({
    hidden: true,
    ...extra,
    parse: async (input) => {
      if (input !== accepted) throw notSupported(input ? name : `${name}=false`, [String(accepted)]);
      return input;
    },
  });
}

/** A switch of Docker or Podman that can't be had here by anybody; switched off it is taken. @param why a whole sentence */
export function refusedToggle(why: string, hint: string) {
  return Flags.boolean({
    hidden: true,
    parse: async (input) => {
      if (input) throw new ScullError('UNSUPPORTED', why, { hint });
      return input;
    },
  });
}

function notSupported(name: string, accepted: readonly string[], instead?: string): ScullError {
  const only = accepted.filter((value) => value !== '' && value !== 'true' && value !== 'false').map((value) => `--${name}=${value}`);
  return new ScullError('UNSUPPORTED', `--${name} is not supported by this version of scull`, {
    hint: instead ?? (only.length === 0 ? `leave --${name} out` : `leave it out, or use ${only.join(' or ')}`),
  });
}
