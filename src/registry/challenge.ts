/**
 * The WWW-Authenticate header (RFC 9110, 11.6.1), which is harder than it looks: one header may hold several challenges,
 * commas separate both challenges and their parameters, values are quoted or not, and servers send it in every variant.
 */

export interface Challenge {
  /** Lower case: `bearer`, `basic`, … */
  readonly scheme: string;
  /** Names in lower case; of a repeated one the first counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const MAX_HEADER = 16_384;

/** Reads one header value; what can't be understood ends the reading, what was understood before it is returned. */
export function parseChallenges(header: string): readonly Challenge[] {
  const text = header.slice(0, MAX_HEADER);
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  const skip = /[\s,]*/y;
  // A parameter needs its `=` and a value; anything else that is a token begins a challenge.
  const parameter = new RegExp(`(${TOKEN})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))(?=[ \\t]*(?:,|$))`, 'y');
  const scheme = new RegExp(`(${TOKEN})(?:[ \\t]+|(?=,)|$)`, 'y');
  const opaque = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  while (at < text.length) {
    take(skip);
    const current = challenges.at(-1);
    const pair = current === undefined ? null : take(parameter);
    if (pair !== null && current !== undefined) {
      const name = (pair[1] ?? '').toLowerCase();
      if (!current.parameters.has(name)) current.parameters.set(name, pair[3] ?? (pair[2] ?? '').replace(/\\(.)/g, '$1'));
      continue;
    }
    const start = take(scheme);
    if (start === null) break;
    challenges.push({ scheme: (start[1] ?? '').toLowerCase(), parameters: new Map() });
    // `Negotiate dG9rZW4=`: one opaque value instead of parameters.
    parameter.lastIndex = at;
    if (!parameter.test(text)) {
      const before = at;
      const blob = take(opaque);
      if (blob !== null && !/=$/.test(blob[0]) && !/[+/]/.test(blob[0])) at = before;
    }
  }
  return challenges;
}
