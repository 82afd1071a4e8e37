import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { completionOf, type Names } from '../../../src/cli/complete.ts';
import { completionScript } from '../../../src/cli/completion-scripts.ts';
import { containerNames, imageNames, volumeNames } from '../../../src/engine/names.ts';
import { openEngine } from '../../../src/engine/engine.ts';

const asked: object[] = [];
const names: Names = {
  containers: async (globals) => (asked.push(globals), ['web', 'worker', 'db']),
  images: async () => ['debian:latest', 'docker.io/library/debian:latest', 'alpine:3'],
  volumes: async () => ['data'],
  secrets: async () => ['token'],
  networks: async () => ['bridge', 'front'],
  pods: async () => ['shop'],
};

const values = async (...words: string[]) => (await completionOf(words, names)).candidates.map(([value]) => value);

describe('completionOf', () => {
  test('the first word is a command or a noun', async () => {
    expect(await values('')).toEqual(expect.arrayContaining(['run', 'exec', 'container', 'help', 'completion']));
    expect(await values('ru')).toEqual(['run']);
    expect(await values('contai')).toEqual(['container']);
    expect(await values('zzz')).toEqual([]);
  });

  test('hidden words stay hidden', async () => {
    expect((await values('')).filter((word) => word.startsWith('_'))).toEqual([]);
  });

  test("after a noun come the noun's commands", async () => {
    expect(await values('container', 'ru')).toEqual(['run']);
    expect(await values('container', 'e')).toContain('exec');
  });

  test('flags, with their descriptions, without those that are only there to be refused', async () => {
    expect((await completionOf(['run', '--networ'], names)).candidates).toEqual([['--network', expect.stringContaining('pasta')], ['--network-alias', expect.any(String)]]);
    expect(await values('run', '--rdt')).toEqual([]);
    expect(await values('run', '--hel')).toEqual(['--help']);
    expect(await values('--ro')).toEqual(['--root']);
  });

  test('cp gets containers with their colon, or files', async () => {
    expect(await completionOf(['cp', 'w'], names)).toEqual({ candidates: [['web:'], ['worker:']], then: 'open' });
    expect(await completionOf(['cp', './w'], names)).toEqual({ candidates: [], then: 'files' });
    expect(await values('cp', 'web:/etc/hosts', 'd')).toEqual(['db:']);
  });

  test('the first word of run is an image, the next belong to the container', async () => {
    expect(await values('run', '-it', '--rm', 'deb')).toEqual(['debian:latest']);
    expect(await values('run', '-e', 'A=1', '--name', 'x', '-vit', 'alp')).toEqual(['alpine:3']);
    expect(await completionOf(['run', 'debian', '--re'], names)).toEqual({ candidates: [], then: 'files' });
  });

  test('a network is one by its name', async () => {
    expect(await values('run', '--network', 'f')).toEqual(['front']);
    expect(await values('run', '--network=b')).toEqual(['--network=bridge']);
    expect(await values('run', '--systemd', '')).toEqual(['true', 'false', 'always']);
    expect(await values('network', 'connect', 'f')).toEqual(['front']);
    expect(await values('network', 'connect', 'front', 'w')).toEqual(['web', 'worker']);
  });

  test('a value that is waited for is no argument', async () => {
    expect(await values('run', '--name', 'deb')).toEqual([]);
    expect(await completionOf(['run', '--env-file', ''], names)).toMatchObject({ then: 'files' });
    expect(await completionOf(['run', '-itw', ''], names)).toMatchObject({ then: 'files' });
    expect(await values('--log-level', 'de')).toEqual(['debug']);
    expect(await values('run', '--log-level=de')).toEqual(['--log-level=debug']);
  });

  test('names of pods', async () => {
    expect(await values('pod', 'start', '')).toEqual(['shop']);
    expect(await values('pod', 'logs', 's')).toEqual(['shop']);
  });

  test('container names, each once, and not those already typed', async () => {
    expect(await values('start', 'w')).toEqual(['web', 'worker']);
    expect(await values('start', 'web', 'w')).toEqual(['worker']);
    expect(await values('container', 'exec', '-it', 'd')).toEqual(['db']);
  });

  test('global flags before and after the command choose the store', async () => {
    asked.length = 0;
    await values('--root', '/a', 'start', '');
    await values('start', '--root=/b', '--runroot', '/c', '');
    expect(asked).toEqual([{ root: '/a' }, { root: '/b', runroot: '/c' }]);
  });

  test('words that an option of a freer form can have', async () => {
    expect(await values('run', '--pull', 'n')).toEqual(['newer', 'never']);
    expect(await values('run', '--pull=al')).toEqual(['--pull=always']);
    expect(await completionOf(['run', '--pid', 'cont'], names)).toEqual({ candidates: [['container:']], then: 'open' });
    expect(await completionOf(['run', '--userns', 'k'], names)).toEqual({ candidates: [['keep-id']], then: 'end' });
  });

  test('a declared choice', async () => {
    expect(await values('completion', '')).toEqual(['bash', 'zsh', 'fish']);
  });
});

describe('names of a store', () => {
  const folder = mkdtempSync(join(tmpdir(), 'scull-names-'));
  const engine = openEngine({ root: join(folder, 'root'), runRoot: join(folder, 'run') });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('there are none where there is no store', async () => {
    expect(containerNames(engine)).toEqual([]);
    expect(volumeNames(engine)).toEqual([]);
    expect(await imageNames(engine)).toEqual([]);
  });

  test('are those of its directories and of its index', async () => {
    const { layout } = engine.store;
    mkdirSync(layout.names, { recursive: true });
    symlinkSync('0'.repeat(64), layout.name('web'));
    mkdirSync(join(layout.volumes, 'data'), { recursive: true });
    mkdirSync(layout.images, { recursive: true });
    const descriptor = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: `sha256:${'a'.repeat(64)}`, size: 2 };
    const manifests = [{ ...descriptor, annotations: { 'org.opencontainers.image.ref.name': 'docker.io/library/debian:latest' } }, { ...descriptor, annotations: { 'org.opencontainers.image.ref.name': 'localhost/made:1' } }, descriptor];
    writeFileSync(join(layout.images, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
    expect(containerNames(engine)).toEqual(['web']);
    expect(volumeNames(engine)).toEqual(['data']);
    expect((await imageNames(engine)).sort()).toEqual(['debian:latest', 'docker.io/library/debian:latest', 'localhost/made:1', 'made:1']);
  });
});

describe('the script for bash', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'scull-bash-'));
    // Says which words it was asked about, and answers like scull.
    writeFileSync(join(folder, 'scull'), '#!/bin/sh\nshift\nfor word; do echo "<$word>" >> "$0.asked"; done\nprintf "localhost:5000/a:one\\tan image\\nlocalhost:5000/a:two\\n:end\\n"\n', { mode: 0o755 });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const complete = (line: string, words: string[]) => {
    const script = `${completionScript('bash')}
      COMP_LINE=$1 COMP_POINT=\${#1}; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }
      _scull; printf '%s\\n' "\${COMPREPLY[@]}"; cat ${folder}/scull.asked`;
    rmSync(join(folder, 'scull.asked'), { force: true });
    const result = spawnSync('bash', ['--norc', '-c', script, 'bash', line, ...words], { encoding: 'utf8', env: { PATH: `${folder}:/usr/bin:/bin` } });
    expect(result.stderr).toBe('');
    return result.stdout.trim().split('\n');
  };

  test('asks about whole words and answers in the pieces that readline made of them', () => {
    expect(complete('scull run localhost:5000/a:o', ['scull', 'run', 'localhost', ':', '5000/a', ':', 'o'])).toEqual(['one', 'two', '<run>', '<localhost:5000/a:o>']);
  });

  test('asks about an empty word after a space', () => {
    expect(complete('scull rmi ', ['scull', 'rmi', ''])).toEqual(['localhost:5000/a:one', 'localhost:5000/a:two', '<rmi>', '<>']);
  });

  test('evaluates nothing that was typed', () => {
    const mark = join(folder, 'mark');
    complete(`scull run $(touch ${mark}) \`touch ${mark}\` x`, ['scull', 'run', 'x']);
    expect(spawnSync('test', ['-e', mark]).status).toBe(1);
  });
});
