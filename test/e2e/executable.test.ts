/** What only the single-file executable can get wrong; vitest.config.ts runs it with that product alone. */
import { existsSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { useScull } from '../support/scull.ts';

const s = useScull();

test('it reads neither .env nor bunfig.toml of the directory it is started in', async () => {
  writeFileSync(`${s.base}/.env`, 'XDG_DATA_HOME=/nonexistent\nLEAKED=yes\n');
  writeFileSync(`${s.base}/bunfig.toml`, 'preload = ["./evil.js"]\n');
  writeFileSync(`${s.base}/evil.js`, 'require("fs").writeFileSync("pwned", "")\n');
  expect(await s.ok(['run', '--rm', '--env-host', 'busybox', 'sh', '-c', 'echo [$LEAKED]'], { cwd: s.base })).toBe('[]');
  expect(existsSync(`${s.base}/pwned`)).toBe(false);
});
