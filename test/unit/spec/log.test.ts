import { describe, expect, it } from 'vitest';
import { parseLog } from '../../../src/spec/log.ts';

describe('parseLog', () => {
  it.each([[undefined, 'k8s-file'], ['', 'k8s-file'], ['k8s-file', 'k8s-file'], ['json-file', 'k8s-file'], ['journald', 'journald'], ['none', 'none'], ['passthrough', 'passthrough']])('reads driver %j', (driver, expected) => {
    expect(parseLog(driver, [], '/c')).toEqual({ driver: expected, labels: [] });
  });

  it('reads options', () => {
    expect(parseLog('k8s-file', ['max-size=10m', 'path=logs/x', 'label=a', 'label=b', 'max-file=3'], '/c')).toEqual({
      driver: 'k8s-file', maxSize: 10485760, path: '/c/logs/x', labels: ['a', 'b'],
    });
  });

  it('takes a tag for the journal; of the drivers of Docker that write files nobody sees it', () => {
    expect(parseLog('journald', ['tag=web'], '/c')).toEqual({ driver: 'journald', tag: 'web', labels: [] });
    expect(parseLog('json-file', ['tag=web'], '/c')).toEqual({ driver: 'k8s-file', labels: [] });
    for (const driver of [undefined, 'k8s-file', 'none']) expect(() => parseLog(driver, ['tag=web'], '/c')).toThrow('--log-opt tag is for the journal');
  });

  it.each([['syslog', [], 'unknown log driver "syslog"'], ['constructor', [], 'unknown log driver'], [undefined, ['max-size'], 'expected name=value'], [undefined, ['max-size=x'], 'invalid size "x"'], [undefined, ['foo=1'], 'unknown option "foo"']])('refuses %j %j', (driver, options, why) => {
    expect(() => parseLog(driver, options, '/c')).toThrow(why);
  });
});
