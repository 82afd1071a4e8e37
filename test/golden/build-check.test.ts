/**
 * One file per rule under build-check/, by its name: what --check says of a Containerfile.
 *
 *   file      its lines
 *   ignore    lines of the ignore file
 *   base      what is known of every image that a FROM names
 *   settings  as given on the command line
 *   expect    the findings of that rule and of all others: `LINE RULE: TEXT`
 *   good      files of which nothing is said
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkContainerfile } from '../../src/build/check.ts';
import type { KnownBase } from '../../src/build/check-stage.ts';
import { parseContainerfile } from '../../src/build/containerfile/file.ts';
import { ignoreRules } from '../../src/build/files/ignore.ts';

const FOLDER = join(import.meta.dirname, 'build-check');

interface Case {
  readonly description: string;
  readonly file: readonly string[];
  readonly ignore?: readonly string[];
  readonly base?: KnownBase;
  readonly settings?: string;
  readonly expect: readonly string[];
  readonly good: readonly (readonly string[])[];
}

async function findings(one: Case, lines: readonly string[]): Promise<string[]> {
  const options = { ignore: await ignoreRules((one.ignore ?? []).join('\n')), settings: one.settings, base: () => one.base };
  return checkContainerfile(parseContainerfile('Containerfile', lines.join('\n')), options).findings.map(({ rule, at, text }) => `${at.line} ${rule}: ${text}`);
}

describe('--check finds what BuildKit finds', () => {
  for (const name of readdirSync(FOLDER).sort()) {
    const one = JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Case;
    it(`${name.replace('.json', '')}: ${one.description}`, async () => {
      expect(await findings(one, one.file)).toEqual(one.expect);
      for (const lines of one.good) expect(await findings(one, lines)).toEqual([]);
    });
  }
});
