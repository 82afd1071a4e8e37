// What each rule says is in test/golden/build-check.
import { expect, test } from 'vitest';
import { checkContainerfile, ruleAddress } from '../../../src/build/check.ts';
import { parseContainerfile } from '../../../src/build/containerfile/file.ts';
import { NOTHING_IGNORED } from '../../../src/build/files/ignore.ts';

function check(...lines: string[]): ReturnType<typeof checkContainerfile> {
  return checkContainerfile(parseContainerfile('Containerfile', lines.join('\n')), { ignore: NOTHING_IGNORED });
}

test('findings are errors where the file says so', () => {
  expect(check('# check=skip=none;error=true', 'FROM a', 'CMD x').isError).toBe(true);
  expect(check('FROM a', 'CMD x').isError).toBe(false);
});

test('settings that make no sense are told with their place', () => {
  expect(() => check('# check=shkip=all', 'FROM a')).toThrow('Containerfile:1:1: invalid check option "shkip=all"');
  expect(() => check('# syntax=docker/dockerfile:1', '# check=error=maybe', 'FROM a')).toThrow('Containerfile:2:1: ');
});

test('where a rule is explained', () => {
  expect(ruleAddress('JSONArgsRecommended')).toBe('https://docs.docker.com/go/dockerfile/rule/json-args-recommended/');
  expect(ruleAddress('SecretsUsedInArgOrEnv')).toBe('https://docs.docker.com/go/dockerfile/rule/secrets-used-in-arg-or-env/');
});
