/**
 * Quadlet files → units. `quadlet/keys.txt` has a case for every key: a kind and lines of its section, then what they add to the
 * unit. `quadlet/documented.txt` has those of Podman's manual. `quadlet/whole` has whole files, and beside each the whole unit.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { convertQuadlets } from '../../src/systemd/quadlet/convert.ts';
import { KINDS, type Kind } from '../../src/systemd/quadlet/keys.ts';
import { parseUnitFile } from '../../src/systemd/unit-file.ts';
import { top } from '../support/product.ts';

const folder = join(import.meta.dirname, 'quadlet');

/** Without these a file of the kind is none. */
const least: Record<Kind, readonly string[]> = {
  container: ['Image=img'],
  volume: [],
  network: [],
  pod: [],
  image: ['Image=quay.io/some/image'],
  build: ['ImageTag=localhost/built', 'File=/src/Containerfile'],
  kube: ['Yaml=shop.yaml'],
};

/** Files that the cases refer to. */
const others = [
  ['data.volume', '[Volume]'],
  ['front.network', '[Network]'],
  ['app.pod', '[Pod]'],
  ['base.image', '[Image]\nImage=quay.io/some/base'],
  ['own.build', '[Build]\nImageTag=localhost/own\nFile=/src/Containerfile'],
  ['db.container', '[Container]\nImage=db\nContainerName=db'],
] as const;

function convert(name: string, text: string): { text: string; problems: string[] } {
  const files = [[name, text] as const, ...others].map(([file, content]) => parseUnitFile(`/units/${file}`, content).file);
  const unit = convertQuadlets(files, ['/usr/bin/scull'])[0];
  return { text: unit?.text ?? '', problems: unit?.problems.map((problem) => `${problem.severity} ${problem.line ?? 0}: ${problem.message}`) ?? [] };
}

interface Case {
  readonly kind: Kind;
  readonly lines: readonly string[];
  /** Lines of the unit; `… words` are words within a command. */
  readonly adds: readonly string[];
}

const cases = readFileSync(join(folder, 'keys.txt'), 'utf8')
  .split(/\n{2,}/)
  .filter((block) => !block.startsWith('#') && block.trim() !== '')
  .map((block): Case => {
    const lines = block.trim().split('\n');
    return { kind: lines[0] as Kind, lines: lines.slice(1).filter((line) => !line.startsWith('  ')), adds: lines.filter((line) => line.startsWith('  ')).map((line) => line.trim()) };
  });

describe('every key', () => {
  test.each(cases.map((each) => ({ name: `${each.kind}: ${each.lines.join(' | ')}`, ...each })))('$name', ({ kind, lines, adds }) => {
    const given = new Set(lines.map((line) => line.split('=', 1)[0]));
    const base = least[kind].filter((line) => !given.has(line.split('=', 1)[0]) && !(line.startsWith('Image=') && given.has('Rootfs')));
    const { text, problems } = convert(`case.${kind}`, [`[${KINDS[kind].section}]`, ...base, ...lines].join('\n'));
    expect(adds.length).toBeGreaterThan(0);
    for (const line of adds) {
      if (line.startsWith('error ') || line.startsWith('warning ')) expect(problems.join('\n')).toContain(line);
      else if (line.startsWith('…')) expect(` ${text.replaceAll('\n', ' \n')} `).toContain(` ${line.slice(1).trim()} `);
      else expect(text.split('\n')).toContain(line);
    }
    if (!adds.some((line) => /^(error|warning) /.test(line))) expect(problems).toEqual([]);
  });

  test('DefaultDependencies= of [Quadlet] has the unit not wait for the network', () => {
    const unit = (value: string) => convert('case.container', `[Container]\nImage=img\n[Quadlet]\nDefaultDependencies=${value}\n`);
    expect(unit('true').text).toContain('After=scull-wait-for-network.service');
    expect(unit('false')).toEqual({ text: expect.not.stringContaining('wait-for-network'), problems: [] });
  });

  test('becomes a flag that the command has', () => {
    const commands = { container: 'run', volume: 'volume:create', network: 'network:create', pod: 'pod:create', image: 'image:pull', build: 'build', kube: 'kube:play' } as const;
    const manifest = JSON.parse(readFileSync(join(top, 'oclif.manifest.json'), 'utf8')) as { commands: Record<string, { flags: Record<string, { aliases?: string[] }> }> };
    const wrong = Object.entries(KINDS).flatMap(([kind, { keys }]) => {
      const id = commands[kind as Kind];
      const { flags } = manifest.commands[id] ?? manifest.commands[`container:${id}`] ?? manifest.commands[`image:${id}`] ?? { flags: {} };
      const known = Object.entries(flags).flatMap(([name, { aliases = [] }]) => [name, ...aliases]);
      return keys.filter(([, , flag]) => flag?.startsWith('--') && !known.includes(flag.slice(2))).map(([key, , flag]) => `${kind}: ${key} ${flag}`);
    });
    expect(wrong).toEqual([]);
  });

  test('that Podman documents has a case', () => {
    const sections = readFileSync(join(folder, 'documented.txt'), 'utf8').trim().split('\n').filter((line) => !line.startsWith('#')).map((line) => line.split(/:? /));
    expect(sections.map(([section]) => section).sort()).toEqual(Object.values(KINDS).map(({ section }) => section).sort());
    const given = (kind: Kind, key: string) => cases.some((each) => each.kind === kind && each.lines.some((line) => line.startsWith(`${key}=`)));
    const missing = sections.flatMap(([section = '', ...keys]) => keys.filter((key) => !given(section.toLowerCase() as Kind, key)).map((key) => `${section}: ${key}`));
    expect(missing).toEqual([]);
  });

  test('has a case', () => {
    const missing = Object.entries(KINDS).flatMap(([kind, { keys }]) => keys.map(([key]) => key).filter((key) => !cases.some((each) => each.kind === kind && each.lines.some((line) => line.startsWith(`${key}=`)))).map((key) => `${kind}: ${key}`));
    expect(missing).toEqual([]);
  });
});

describe('whole files', () => {
  test.each(readdirSync(join(folder, 'whole')).filter((name) => !name.endsWith('.service')))('%s', async (name) => {
    const { text, problems } = convert(name, readFileSync(join(folder, 'whole', name), 'utf8'));
    expect(problems).toEqual([]);
    await expect(text).toMatchFileSnapshot(join(folder, 'whole', `${name}.service`));
  });
});
