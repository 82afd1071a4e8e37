import { describe, expect, it } from 'vitest';
import { parseSecurityOptions } from '../../../src/spec/security.ts';

const empty = { noNewPrivileges: false, labels: [], mask: [], unmask: [], procOptions: [] };
const parse = (...texts: string[]) => parseSecurityOptions(texts, '/here');

describe('parseSecurityOptions', () => {
  it.each([
    [['no-new-privileges'], { noNewPrivileges: true }],
    [['no-new-privileges:true'], { noNewPrivileges: true }],
    [['no-new-privileges=false'], { noNewPrivileges: false }],
    [['seccomp=unconfined'], { seccomp: 'unconfined' }],
    [['seccomp:unconfined'], { seccomp: 'unconfined' }],
    [['seccomp=/etc/p.json'], { seccomp: '/etc/p.json' }],
    [['seccomp=p.json'], { seccomp: '/here/p.json' }],
    [['apparmor=unconfined'], { apparmor: 'unconfined' }],
    [['label=disable'], { labels: ['disable'] }],
    [['label=type:spc_t', 'label=level:s0:c1,c2'], { labels: ['type:spc_t', 'level:s0:c1,c2'] }],
    [['mask=/proc/foo:/sys/bar'], { mask: ['/proc/foo', '/sys/bar'] }],
    [['unmask=ALL'], { unmask: ['ALL'] }],
    [['unmask=/proc/*:/sys/fs/cgroup'], { unmask: ['/proc/*', '/sys/fs/cgroup'] }],
    [['systempaths=unconfined'], { unmask: ['ALL'] }],
    [['proc-opts=hidepid=invisible,subset=pid'], { procOptions: ['hidepid=invisible', 'subset=pid'] }],
  ])('reads %j', (texts, expected) => {
    expect(parse(...texts)).toEqual({ ...empty, ...expected });
  });

  it.each([
    ['', 'unknown option ""'], ['nope', 'unknown option "nope"'], ['no-new-privileges:maybe', '"maybe" is neither true nor false'], ['seccomp', 'the value is missing'], ['seccomp=', 'the value is missing'], ['mask=proc', '"proc" is not absolute'],
    ['unmask=proc', 'is not absolute'], ['label=nope', 'expected label=disable'], ['proc-opts=evil=1', 'is not an option of proc(5)'], ['systempaths=x', 'only unconfined'],
  ])('refuses %j', (text, why) => {
    expect(() => parse(text)).toThrow(why);
  });
});
