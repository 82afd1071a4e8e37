/** Which part of logs `logs` and `pod logs` show. */
import * as Flags from '@oclif/core/flags';
import type { LogOptions } from '../../engine/containers/logs.ts';
import { ScullError } from '../../host/errors.ts';
import { parseTime } from '../time.ts';

export const logFlags = {
  follow: Flags.boolean({ char: 'f', description: 'Go on until the container ends' }),
  since: Flags.string({ description: 'Only what was written from this time on', helpValue: 'time' }),
  until: Flags.string({ description: 'Only what was written up to this time; with --follow a span is from now on', helpValue: 'time' }),
  timestamps: Flags.boolean({ char: 't', description: 'Begin each line with its time' }),
  names: Flags.boolean({ description: 'Begin each line with the name of the container; always done for several' }),
  color: Flags.boolean({ description: 'Accepted for Podman; names are not coloured', hidden: true }),
};

export interface LogFlags {
  readonly follow?: boolean | undefined;
  readonly tail?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly timestamps?: boolean | undefined;
  readonly names?: boolean | undefined;
}

/** @param now milliseconds since the epoch @throws ScullError USAGE, INVALID */
export function logOptions(flags: LogFlags, now: number): LogOptions {
  const follow = flags.follow === true;
  return {
    follow,
    tail: lines(flags.tail ?? 'all'),
    since: flags.since === undefined ? undefined : parseTime(flags.since, '--since', { now, spans: 'past' }),
    until: flags.until === undefined ? undefined : parseTime(flags.until, '--until', { now, spans: follow ? 'future' : 'past' }),
    timestamps: flags.timestamps === true,
    ...(flags.names === true ? { names: true } : {}),
  };
}

function lines(text: string): number | undefined {
  if (text === 'all') return undefined;
  if (!/^-?\d+$/.test(text)) throw new ScullError('USAGE', `invalid --tail ${JSON.stringify(text)}: it is a number of lines, or all`);
  return Number(text) < 0 ? undefined : Number(text);
}
