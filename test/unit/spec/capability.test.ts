import { describe, expect, it } from 'vitest';
import { parseCapabilities } from '../../../src/spec/capability.ts';
import type { ScullError } from '../../../src/host/errors.ts';

describe('parseCapabilities', () => {
  it.each([
    ['NET_ADMIN', ['CAP_NET_ADMIN']], ['cap_net_admin', ['CAP_NET_ADMIN']], ['net_admin,SYS_PTRACE', ['CAP_NET_ADMIN', 'CAP_SYS_PTRACE']],
    ['all', ['ALL']], ['ALL', ['ALL']], ['chown', ['CAP_CHOWN']],
  ])('reads %j', (text, names) => {
    expect(parseCapabilities(text)).toEqual(names);
  });

  it.each([
    ['NET_ADMINN', 'did you mean CAP_NET_ADMIN?'], ['SYS_ADMN', 'did you mean CAP_SYS_ADMIN?'], ['nonsense', 'see capabilities(7) for the names'], ['', 'see capabilities(7) for the names'],
  ])('refuses %j and helps', (text, hint) => {
    const error = catching(() => parseCapabilities(text));
    expect(error.message).toBe(`unknown capability ${JSON.stringify(text)}`);
    expect(error.hint).toBe(hint);
  });
});

function catching(action: () => unknown): ScullError {
  try {
    action();
  } catch (error) {
    return error as ScullError;
  }
  throw new Error('it did not throw');
}
