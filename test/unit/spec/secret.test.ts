import { describe, expect, it } from 'vitest';
import { parseSecret } from '../../../src/spec/secret.ts';

describe('--secret', () => {
  it('is a read-only file for everybody in the container unless told otherwise', () => {
    expect(parseSecret('token')).toEqual({ type: 'mount', source: 'token', uid: 0, gid: 0, mode: 0o444 });
  });

  it.each([
    ['source=t,target=x', { type: 'mount', source: 't', target: '/run/secrets/x', uid: 0, gid: 0, mode: 0o444 }],
    ['t,target=/etc/../etc/key,uid=5,gid=6,mode=0400', { type: 'mount', source: 't', target: '/etc/key', uid: 5, gid: 6, mode: 0o400 }],
    ['t,type=env', { type: 'env', source: 't' }],
    ['t,type=env,target=TOKEN', { type: 'env', source: 't', target: 'TOKEN' }],
  ])('reads %j', (text, secret) => {
    expect(parseSecret(text)).toEqual(secret);
  });

  it.each([
    ['', 'the name of the secret is missing'],
    ['t,uid', '"uid" is not key=value'],
    ['t,owner=5', 'there is no option "owner"'],
    ['t,type=socket', 'neither mount nor env'],
    ['t,uid=root', 'the uid is not a number'],
    ['t,mode=999', 'the mode is not an octal number'],
    ['t,type=env,mode=0400', 'mode is for type=mount only'],
    ['t,type=env,target=A=B', 'not the name of a variable'],
    ['t,target=../../etc/passwd', 'names no file'],
    ['t,target=/', 'names no file'],
  ])('refuses %j', (text, why) => {
    expect(() => parseSecret(text)).toThrow(why);
  });
});
