import { expect, test } from 'vitest';
import { unlessAborted } from '../../../../src/engine/containers/interruption.ts';

const never = new Promise<never>(() => undefined);

test('what is done in time comes through', async () => {
  await expect(unlessAborted(Promise.resolve(1), undefined)).resolves.toBe(1);
  await expect(unlessAborted(Promise.resolve(2), new AbortController().signal)).resolves.toBe(2);
  await expect(unlessAborted(Promise.reject(new Error('own')), new AbortController().signal)).rejects.toThrow('own');
});

test('an abortion ends the wait with its reason, at once or later', async () => {
  await expect(unlessAborted(never, AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  const control = new AbortController();
  const waiting = unlessAborted(never, control.signal);
  control.abort(new Error('meanwhile'));
  await expect(waiting).rejects.toThrow('meanwhile');
});
