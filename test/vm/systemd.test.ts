/**
 * scull under systemd: what the scripts beside this file say in a virtual machine. Each list of scripts is one life of the machine,
 * from switching on to switching off, in this order and on the same disk.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeVirtualMachine, type VirtualMachine } from '../support/virtual-machine.ts';

const lives = [['limits.sh', 'live-limits.sh', 'networks.sh', 'units.sh', 'logout.sh'], ['reboot.sh', 'delegated.sh', 'many.sh'], ['hundred.sh']];

let machine: VirtualMachine;
beforeAll(() => {
  machine = makeVirtualMachine();
});
afterAll(() => machine?.dispose());

describe.each(lives.map((scripts) => ({ name: scripts.join(', '), scripts })))('$name', ({ scripts }) => {
  const script = scripts.map((name) => readFileSync(join(import.meta.dirname, name), 'utf8')).join('\n');
  let said = '';
  beforeAll(async () => {
    said = (await machine.run(script)).replaceAll('\r', '');
    for (const [, figure] of said.matchAll(/^@@ figure: (.*)$/gm)) console.info(figure);
  });

  test.each(sentencesOf(script))('%s', (sentence) => {
    const failure = new RegExp(`^@@ failed: ${escape(sentence)}\n([^]*?)\n@@ end$`, 'm').exec(said);
    expect(failure?.[1]).toBeUndefined();
    expect(said, 'the check was not reached').toContain(`@@ ok: ${sentence}\n`);
  });
});

/** What `check` is told; a quote inside is '\'' in the shell. */
function sentencesOf(script: string): string[] {
  return [...script.matchAll(/^\s*check '((?:[^']|'\\'')+)'/gm)].map((match) => (match[1] as string).replaceAll("'\\''", "'"));
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
