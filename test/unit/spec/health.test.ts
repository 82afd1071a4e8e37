import { describe, expect, it } from 'vitest';
import { parseHealth, parseHealthCommand } from '../../../src/spec/health.ts';
import { parseRestart } from '../../../src/spec/restart.ts';

describe('health options', () => {
  it.each([
    ['curl -f localhost || exit 1', ['CMD-SHELL', 'curl -f localhost || exit 1']],
    ['["curl", "-f", "localhost"]', ['CMD', 'curl', '-f', 'localhost']],
    ['["CMD-SHELL", "a b"]', ['CMD-SHELL', 'a b']],
    ['[ -f /ready ]', ['CMD-SHELL', '[ -f /ready ]']],
    ['none', ['NONE']],
  ])('reads the command %j', (text, test) => {
    expect(parseHealthCommand(text, '--health-cmd')).toEqual(test);
  });

  it('is nothing where nothing was given, and everything in seconds where it was', () => {
    expect(parseHealth({})).toBeUndefined();
    expect(parseHealth({ none: true })).toEqual({ test: ['NONE'] });
    expect(parseHealth({ cmd: 'true', interval: '1m30s', timeout: '500ms', retries: 2, startPeriod: '10s', onFailure: 'kill', maxLogCount: 0 })).toEqual({
      test: ['CMD-SHELL', 'true'], interval: 90, timeout: 0.5, retries: 2, startPeriod: 10, onFailure: 'kill', maxLogCount: 0,
    });
    expect(parseHealth({ interval: 'disable', startupCmd: 'x', startupInterval: '5s', startupSuccess: 2 })).toEqual({ interval: 0, startup: { test: ['CMD-SHELL', 'x'], interval: 5, success: 2 } });
  });

  it('refuses what makes no sense', () => {
    expect(() => parseHealth({ none: true, cmd: 'x' })).toThrow('cannot be used together');
    expect(() => parseHealth({ timeout: '0s' })).toThrow('a check needs some time');
    expect(() => parseHealth({ interval: '-1s' })).toThrow("can't be negative");
    expect(() => parseHealth({ onFailure: 'reboot' })).toThrow('one of none, kill, restart, stop');
    expect(() => parseHealth({ startupRetries: 3 })).toThrow('need --health-startup-cmd');
    expect(() => parseHealth({ logDestination: 'here' })).toThrow('absolute path of a directory');
    expect(() => parseHealth({ cmd: ' ' })).toThrow('the command is empty');
    expect(() => parseHealth({ cmd: '[]' })).toThrow('the list is empty');
  });
});

describe('--restart', () => {
  it.each([
    ['no', { name: 'no' }], ['never', { name: 'no' }], ['', { name: 'no' }], ['always', { name: 'always' }], ['unless-stopped', { name: 'unless-stopped' }],
    ['on-failure', { name: 'on-failure' }], ['on-failure:5', { name: 'on-failure', maxRetries: 5 }],
  ])('reads %j', (text, policy) => {
    expect(parseRestart(text)).toEqual(policy);
  });

  it.each(['sometimes', 'always:3', 'on-failure:x', 'on-failure:-1', 'on-failure:1:2'])('refuses %j', (text) => {
    expect(() => parseRestart(text)).toThrow('invalid --restart');
  });
});
