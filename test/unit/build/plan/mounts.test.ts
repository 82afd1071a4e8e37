import { expect, test } from 'vitest';
import { parseRunMount } from '../../../../src/build/plan/mounts.ts';

test.each([
  ['target=/x', { type: 'bind', target: '/x', source: '/', writable: false }],
  ['type=bind,src=a/../../b,dst=rel,rw,from=s', { type: 'bind', target: '/work/rel', source: '/b', writable: true, from: 's' }],
  ['type=cache,target=/c', { type: 'cache', target: '/c', id: '/c', readOnly: false, sharing: 'shared', source: '/', mode: 0o755, uid: 0, gid: 0 }],
  ['type=bind,target=/c,readonly=false', { type: 'bind', target: '/c', source: '/', writable: true }],
  ['type=bind,target=/c,rw=false', { type: 'bind', target: '/c', source: '/', writable: false }],
  ['type=cache,target=/c,id=i,sharing=locked,uid=1,gid=2,mode=0700,ro', { type: 'cache', target: '/c', id: 'i', readOnly: true, sharing: 'locked', source: '/', mode: 0o700, uid: 1, gid: 2 }],
  ['type=tmpfs,target=/t,size=64m', { type: 'tmpfs', target: '/t', size: 64 * 1024 * 1024 }],
  ['type=secret,id=k', { type: 'secret', id: 'k', target: '/run/secrets/k', required: false, mode: 0o400, uid: 0, gid: 0 }],
  ['type=secret,id=k,env=TOKEN', { type: 'secret', id: 'k', environment: 'TOKEN', required: false, mode: 0o400, uid: 0, gid: 0 }],
  ['type=secret,target=/a/b,required', { type: 'secret', id: 'b', target: '/a/b', required: true, mode: 0o400, uid: 0, gid: 0 }],
  ['type=ssh', { type: 'ssh', id: 'default', target: '/run/buildkit/ssh_agent.0', required: false, mode: 0o600, uid: 0, gid: 0 }],
])('%s', (text, expected) => {
  expect(parseRunMount(text, '/work', 0)).toEqual(expected);
});

test.each([
  ['type=bnd,target=/x', /no mount of type "bnd"; did you mean bind/],
  ['type=cache', /a cache mount needs a target/],
  ['type=cache,target=/', /can't cover the root/],
  ['type=cache,target=/x,sharing=all', /shared, private or locked/],
  ['type=cache,target=/x,sharng=locked', /no option "sharng"; did you mean sharing/],
  ['type=bind,target=/x,bind-propagation=shared', /a bind mount has no option "bind-propagation"/],
  ['type=bind,target=/proc/x', /can't be at "\/proc\/x"/],
  ['type=bind,target=../../sys', /can't be at "\/sys"/],
  ['type=secret', /needs an id/],
  ['type=secret,id=a,env=A=B', /invalid name of a variable/],
  ['type=tmpfs,target=/x,size=lots', /number of bytes/],
  ['type=cache,target=/x,mode=999', /octal/],
  ['type=cache,target=/x,uid=root', /uid is a number/],
  ['target=/x,target=/y', /given twice/],
])('%s is refused', (text, message) => {
  expect(() => parseRunMount(text, '/work', 0)).toThrow(message);
});
