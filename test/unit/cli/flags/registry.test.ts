import { describe, expect, test } from 'vitest';
import { registryChoices, registryFlags, type RegistryFlagValues } from '../../../../src/cli/flags/registry.ts';
import { resolveWords, scanWords, type Declarations } from '../../../../src/cli/parse.ts';
import type { RegistryChoices } from '../../../../src/engine/images/registry-choices.ts';
import type { ScullError } from '../../../../src/host/errors.ts';

const declarations = { flags: registryFlags, args: {}, strict: true, stopAtFirstWord: false } as unknown as Declarations;

async function choicesOf(...words: string[]): Promise<RegistryChoices> {
  return registryChoices((await resolveWords(scanWords(words, declarations), declarations, undefined)).flags as RegistryFlagValues);
}

test('without flags everything is left to configuration files', async () => {
  expect(Object.values(await choicesOf()).filter((value) => value !== undefined)).toEqual([]);
});

test.each<[string[], RegistryChoices]>([
  [['--tls-verify'], { tlsVerify: true }],
  [['--tls-verify=false'], { tlsVerify: false }],
  [['--cert-dir', '/certs', '--authfile=/dev/null'], { certificateDirectory: '/certs', authFile: '/dev/null' }],
  [['--creds', 'ann:pass:word'], { credentials: { kind: 'password', username: 'ann', password: 'pass:word' } }],
  [['--creds=ann:'], { credentials: { kind: 'password', username: 'ann', password: '' } }],
  [['--retry', '0', '--retry-delay', '1m30s'], { retries: 0, retryDelay: 90_000 }],
  [['--retry-delay=0'], { retryDelay: 0 }],
])('%j', async (words, expected) => {
  expect(await choicesOf(...words)).toMatchObject(expected);
});

describe('refused, and why', () => {
  test.each<[string[], RegExp]>([
    [['--retry-delay', 'soon'], /invalid --retry-delay "soon": it is a span/],
    [['--retry-delay=-1s'], /invalid --retry-delay "-1s"/],
    [['--retry=-1'], /--retry/],
    [['--creds', ''], /the user name is missing/],
  ])('%j', async (words, message) => {
    await expect(choicesOf(...words)).rejects.toMatchObject({ name: 'ScullError', code: 'USAGE', message: expect.stringMatching(message) });
  });

  test('the message does not quote credentials', async () => {
    const error = (await choicesOf('--creds', ':s3cret').catch((reason: unknown) => reason)) as ScullError;
    expect(error.code).toBe('USAGE');
    expect(`${error.message}${error.hint ?? ''}`).not.toContain('s3cret');
  });
});
