import { describe, expect, it } from 'vitest';
import { parseSignal } from '../../../src/spec/signal.ts';

describe('parseSignal', () => {
  it.each([
    ['SIGTERM', 'SIGTERM', 15], ['TERM', 'SIGTERM', 15], ['term', 'SIGTERM', 15], ['sigkill', 'SIGKILL', 9], ['15', 'SIGTERM', 15], ['9', 'SIGKILL', 9],
    ['37', 'SIGRTMIN+3', 37], ['RTMIN', 'SIGRTMIN', 34], ['SIGRTMIN+3', 'SIGRTMIN+3', 37], ['rtmin+3', 'SIGRTMIN+3', 37], ['RTMAX', 'SIGRTMAX', 64], ['RTMAX-1', 'SIGRTMIN+29', 63],
    ['WINCH', 'SIGWINCH', 28], ['64', 'SIGRTMAX', 64], ['CLD', 'SIGCLD', 17],
  ])('reads %j as %s', (text, name, number) => {
    expect(parseSignal(text)).toEqual({ name, number });
  });

  it.each(['', '0', '-1', '32', '65', '9999', 'SIG', 'SIGFOO', 'RTMIN+31', 'RTMAX+1', 'RTMIN-1', 'toString', 'TERM '])('refuses %j', (text) => {
    expect(() => parseSignal(text)).toThrow(`invalid signal ${JSON.stringify(text)}`);
  });
});
