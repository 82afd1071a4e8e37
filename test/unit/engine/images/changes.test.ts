import { describe, expect, test } from 'vitest';
import { applyChanges } from '../../../../src/engine/images/changes.ts';

describe('--change', () => {
  test.each([
    ['CMD ["echo", "a b"]', { Cmd: ['echo', 'a b'] }],
    ['CMD echo a b', { Cmd: ['/bin/sh', '-c', 'echo a b'] }],
    ['CMD=/bin/bash', { Cmd: ['/bin/sh', '-c', '/bin/bash'] }],
    ['cmd [not json', { Cmd: ['/bin/sh', '-c', '[not json'] }],
    ['ENTRYPOINT ["/init"]', { Entrypoint: ['/init'] }],
    ['ENTRYPOINT ', { Entrypoint: [] }],
    ['ENV A=1 B="2 3" C=\'4 5\' D=6\\ 7', { Env: ['A=1', 'B=2 3', 'C=4 5', 'D=6 7'] }],
    ['ENV A 1 2 3', { Env: ['A=1 2 3'] }],
    ['EXPOSE 80 53/udp 8000-8001', { ExposedPorts: { '80/tcp': {}, '53/udp': {}, '8000/tcp': {}, '8001/tcp': {} } }],
    ['LABEL a=b "c d"="e f"', { Labels: { a: 'b', 'c d': 'e f' } }],
    ['LABEL __proto__=x', { Labels: Object.fromEntries([['__proto__', 'x']]) }],
    ['ONBUILD RUN make', { OnBuild: ['RUN make'] }],
    ['STOPSIGNAL SIGRTMIN+3', { StopSignal: 'SIGRTMIN+3' }],
    ['USER 1000:1000', { User: '1000:1000' }],
    ['VOLUME ["/a b", "/c"]', { Volumes: { '/a b': {}, '/c': {} } }],
    ['VOLUME /a /b', { Volumes: { '/a': {}, '/b': {} } }],
    ['WORKDIR /x', { WorkingDir: '/x' }],
  ])('%s', (change, expected) => {
    expect(applyChanges({}, [change])).toEqual(expected);
  });

  test('instructions add to what earlier ones set', () => {
    expect(applyChanges({ Env: ['A=0', 'Z=9'] }, ['ENV A=1', 'ENV B=2', 'WORKDIR /a', 'WORKDIR b'])).toEqual({ Env: ['A=1', 'Z=9', 'B=2'], WorkingDir: '/a/b' });
  });

  test.each([
    ['RUN make', /expected one of/],
    ['FROM x', /expected one of/],
    ['', /expected INSTRUCTION VALUE/],
    ['CMD', /expected INSTRUCTION VALUE/],
    ['ENV A', /expected KEY=VALUE/],
    ['ENV =1', /expected KEY=VALUE/],
    ['LABEL a="b', /not closed/],
    ['EXPOSE http', /not a port/],
    ['EXPOSE 70000', /not a port/],
    ['EXPOSE 90-80', /not a port/],
    ['USER ', /needs a value/],
    ['STOPSIGNAL TERM; rm', /expected a signal/],
  ])('%j is refused', (change, message) => {
    expect(() => applyChanges({}, [change])).toThrow(expect.objectContaining({ code: 'INVALID', message: expect.stringMatching(message) }));
  });
});
