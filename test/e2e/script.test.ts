import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { productCommand, top } from '../support/product.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();

test('a shell script that uses only scull sees what it expects', async () => {
  const { stdout } = await promisify(execFile)('sh', [join(top, 'test/e2e/lifecycle.sh')], { env: { ...s.env, SCULL: productCommand().join(' ') }, cwd: s.base }).catch((error) => ({ stdout: `${error.stdout}${error.stderr}` }));
  expect(stdout).toBe('all as expected\n');
});
