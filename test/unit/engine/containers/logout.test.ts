import { expect, test } from 'vitest';
import { afterLogout } from '../../../../src/engine/containers/logout.ts';
import { isInLogindSession, lingers } from '../../../../src/host/linger.ts';

test('what survives a logout is said, with the command that changes it', () => {
  expect(afterLogout('web', true)).toBe('container web is ended when your last session ends: `loginctl enable-linger` keeps it; its files and its log stay in any case');
  expect(afterLogout('web', false)).toContain("goes on, but can't be reached any more, when your last session ends");
});

test('where no logind runs there is nothing to say', () => {
  expect(lingers('nobody-of-this-name')).toBe(false);
  expect(typeof isInLogindSession()).toBe('boolean');
});
