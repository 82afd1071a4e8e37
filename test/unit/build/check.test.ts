import { expect, test } from 'vitest';
import { checkContainerfile } from '../../../src/build/check.ts';
import { parseContainerfile } from '../../../src/build/containerfile/file.ts';
import { ignoreRules, NOTHING_IGNORED } from '../../../src/build/files/ignore.ts';

function rules(text: string, ignore = NOTHING_IGNORED): string[] {
  return checkContainerfile(parseContainerfile('Containerfile', text), ignore).findings.map(({ rule, at }) => `${at.line} ${rule}`);
}

test.each([
  ['FROM a\nCMD x', ['2 JSONArgsRecommended']],
  ['FROM a\nCMD ["x"]\nCMD ["y"]', ['2 MultipleInstructionsDisallowed']],
  ['FROM a\nrun x\nRUN y', ['2 ConsistentInstructionCasing']],
  ['FROM a as x', ['1 FromAsCasing']],
  ['FROM a AS X', ['1 StageNameCasing']],
  ['FROM a AS x\nFROM b AS x', ['2 DuplicateStageName']],
  ['FROM a AS scratch', ['1 ReservedStageName']],
  ['FROM --platform=linux/amd64 a', ['1 FromPlatformFlagConstDisallowed']],
  ['FROM --platform=$TARGETPLATFORM a', ['1 RedundantTargetPlatform']],
  ['ARG v\nFROM a:$v', ['2 InvalidDefaultArgInFrom']],
  ['ARG v=1\nFROM a:$vv', ['2 UndefinedArgInFrom']],
  ['FROM a\nMAINTAINER me', ['2 MaintainerDeprecated']],
  ['FROM a\nENV x y', ['2 LegacyKeyValueFormat']],
  ['FROM a\nARG API_KEY\nENV DB_PASSWORD=x', ['2 SecretsUsedInArgOrEnv', '3 SecretsUsedInArgOrEnv']],
  ['FROM a\nENV PUBLIC_KEY=x KEYBOARD=y', []],
  ['FROM a\nWORKDIR app\nWORKDIR b', ['2 WorkdirRelativePath']],
  ['FROM a\nARG one\nCOPY $on $one /', ['3 UndefinedVar']],
  ['FROM a AS x\nENV e=1\nFROM x\nLABEL l=$e m=${n:-d}', []],
  ['FROM a\nEXPOSE 80/TCP 1.2.3.4:80', ['2 ExposeProtoCasing', '2 ExposeInvalidFormat']],
  ['FROM a\nRUN x \\\n\n  y', ['3 NoEmptyContinuation']],
  ['# check=skip=JSONArgsRecommended\nFROM a\nCMD x', []],
  ['# check=skip=all\nFROM a as x\nCMD x', []],
])('%j', (text, expected) => {
  expect(rules(text)).toEqual(expected);
});

test('copying an ignored file', async () => {
  expect(rules('FROM a\nCOPY x.log y /', await ignoreRules('*.log'))).toEqual(['2 CopyIgnoredFile']);
});

test('findings are errors where the file says so', () => {
  expect(checkContainerfile(parseContainerfile('Containerfile', '# check=error=true\nFROM a\nCMD x'), NOTHING_IGNORED).isError).toBe(true);
});
