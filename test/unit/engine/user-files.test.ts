import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { openUserFile } from '../../../src/engine/user-files.ts';

test('what cannot be opened, or not be read, is told by its path', async () => {
  expect(() => openUserFile('/nosuch')).toThrow(expect.objectContaining({ code: 'NOT_FOUND', message: 'cannot read "/nosuch": no such file' }));
  await expect(openUserFile(tmpdir()).toArray()).rejects.toMatchObject({ code: 'EISDIR', path: tmpdir() });
});
