/** Signals as people write them: `TERM`, `sigterm`, `15`, `RTMIN+3`. Numbers after signal(7), x86 and ARM. */
import { ScullError } from '../host/errors.ts';

const NUMBERS: Readonly<Record<string, number>> = {
  HUP: 1, INT: 2, QUIT: 3, ILL: 4, TRAP: 5, ABRT: 6, IOT: 6, BUS: 7, FPE: 8, KILL: 9, USR1: 10, SEGV: 11, USR2: 12,
  PIPE: 13, ALRM: 14, TERM: 15, STKFLT: 16, CHLD: 17, CLD: 17, CONT: 18, STOP: 19, TSTP: 20, TTIN: 21, TTOU: 22, URG: 23,
  XCPU: 24, XFSZ: 25, VTALRM: 26, PROF: 27, WINCH: 28, IO: 29, POLL: 29, PWR: 30, SYS: 31,
};

const RTMIN = 34;
const RTMAX = 64;

export interface Signal {
  /** With SIG: `SIGTERM`, `SIGRTMIN+3`. */
  readonly name: string;
  readonly number: number;
}

/** @throws ScullError INVALID for a name or number that is no signal (0 included). */
export function parseSignal(text: string): Signal {
  if (/^\d{1,4}$/.test(text)) return fromNumber(Number(text), text);
  const name = text.toUpperCase().replace(/^SIG/, '');
  const real = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (real !== null) {
    const offset = Number(real[3] ?? 0) * (real[2] === '-' ? -1 : 1);
    const number = (real[1] === 'MIN' ? RTMIN : RTMAX) + offset;
    if (number < RTMIN || number > RTMAX) throw invalid(text);
    return fromNumber(number, text);
  }
  const number = Object.hasOwn(NUMBERS, name) ? NUMBERS[name] : undefined;
  if (number === undefined) throw invalid(text);
  return { name: `SIG${name}`, number };
}

function fromNumber(number: number, text: string): Signal {
  if (number >= RTMIN && number <= RTMAX) {
    const offset = number - RTMIN;
    return { name: offset === 0 ? 'SIGRTMIN' : number === RTMAX ? 'SIGRTMAX' : `SIGRTMIN+${offset}`, number };
  }
  const name = Object.keys(NUMBERS).find((candidate) => NUMBERS[candidate] === number);
  if (name === undefined) throw invalid(text);
  return { name: `SIG${name}`, number };
}

function invalid(text: string): ScullError {
  return new ScullError('INVALID', `invalid signal ${JSON.stringify(text.slice(0, 60))}: expected a name such as SIGTERM, HUP or RTMIN+3, or a number from 1 to 64`);
}
