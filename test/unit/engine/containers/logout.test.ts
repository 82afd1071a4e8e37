import { expect, test } from 'vitest';
import { afterLogout } from '../../../../src/engine/containers/logout.ts';
import { lingers, logindPlace, placeInCgroups } from '../../../../src/host/linger.ts';

test('what survives a logout is said, with the command that changes it', () => {
  expect(afterLogout('web', true)).toBe('container web is ended when your last session ends: `loginctl enable-linger` keeps it; its files and its log stay in any case');
  expect(afterLogout('web', false)).toMatch(/^container web outlives your sessions as long as logind ends no processes .*enable-linger/);
});

test('what a process lives in is read of its cgroups', () => {
  expect(placeInCgroups('0::/user.slice/user-1000.slice/session-3.scope\n')).toBe('session');
  expect(placeInCgroups('0::/user.slice/user-1000.slice/user@1000.service/app.slice/vte-spawn-1.scope\n')).toBe('manager');
  expect(placeInCgroups('0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service/supervisor\n')).toBeUndefined();
  expect(placeInCgroups('0::/system.slice/cron.service\n')).toBeUndefined();
});

test('where no logind runs there is nothing to say', () => {
  expect(lingers('nobody-of-this-name')).toBe(false);
  expect(['session', 'manager', undefined]).toContain(logindPlace());
});
