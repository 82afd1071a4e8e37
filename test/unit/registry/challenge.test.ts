import { describe, expect, test } from 'vitest';
import { parseChallenges } from '../../../src/registry/challenge.ts';

const plain = (header: string): unknown => parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe('the header', () => {
  test.each<[string, unknown]>([
    ['Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull"', [['bearer', { realm: 'https://auth.example/token', service: 'registry.example', scope: 'repository:a/b:pull' }]]],
    ['Bearer realm="https://auth.example/token", service="r", scope="repository:a:pull,push"', [['bearer', { realm: 'https://auth.example/token', service: 'r', scope: 'repository:a:pull,push' }]]],
    ['BEARER Realm=https', [['bearer', { realm: 'https' }]]],
    ['bearer realm = "x" , service = y', [['bearer', { realm: 'x', service: 'y' }]]],
    ['Basic realm="Registry Realm"', [['basic', { realm: 'Registry Realm' }]]],
    ['Basic', [['basic', {}]]],
    ['Basic, Bearer realm="x"', [['basic', {}], ['bearer', { realm: 'x' }]]],
    ['Bearer realm="x", Basic realm="y"', [['bearer', { realm: 'x' }], ['basic', { realm: 'y' }]]],
    ['Negotiate, Basic realm="y"', [['negotiate', {}], ['basic', { realm: 'y' }]]],
    ['Negotiate dG9r+ZW4=, Basic realm="y"', [['negotiate', {}], ['basic', { realm: 'y' }]]],
    ['Basic realm="a \\"quoted\\" comma, here"', [['basic', { realm: 'a "quoted" comma, here' }]]],
    ['Bearer realm="first",realm="second"', [['bearer', { realm: 'first' }]]],
    [', ,Bearer realm="x",,', [['bearer', { realm: 'x' }]]],
    ['Bearer realm="x",error="invalid_token",', [['bearer', { realm: 'x', error: 'invalid_token' }]]],
    ['', []],
    ['"', []],
    ['Bearer realm="unfinished', [['bearer', {}]]],
  ])('%s', (header, expected) => {
    if (header.includes('unfinished')) expect(parseChallenges(header)[0]?.parameters.size).toBe(0);
    else expect(plain(header)).toEqual(expected);
  });
});

test('a header made to take long does not', () => {
  const started = performance.now();
  for (const part of ['a', 'a=', 'a="\\', 'Bearer ', ',', ' ', '="']) parseChallenges(`Bearer realm="x", ${part.repeat(100_000 / part.length)}`);
  expect(performance.now() - started).toBeLessThan(1000);
});
