import { expect, test } from 'vitest';
import { createCommandOf } from '../../../src/cli/create-command.ts';

test('the command that made a container is kept without a password for a registry', () => {
  expect(createCommandOf('run', ['--creds', 'me:secret', '--creds=me:secret', '-d', 'img', '--creds', 'x'], 3)).toEqual(['scull', 'run', '-d', 'img', '--creds', 'x']);
});
