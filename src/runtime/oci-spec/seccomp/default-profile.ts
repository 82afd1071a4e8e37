/** The default seccomp profile in the form of config-linux.md, for given capabilities and architecture. */
import type { SeccompRule, SeccompSpec } from '../../../oci/runtime-spec.ts';
import { AF_NETLINK, AF_VSOCK, ALLOWED, ARCHITECTURES, BY_CAPABILITY, NETLINK_AUDIT, PERSONALITIES, REFUSED } from './default-syscalls.ts';

const EPERM = 1;
const EINVAL = 22;
const ENOSYS = 38;

/**
 * @param bounding `CAP_…` names of the process' bounding set
 * @param architecture as process.arch
 */
export function defaultSeccompProfile(bounding: readonly string[], architecture: string): SeccompSpec {
  const machine = ARCHITECTURES[architecture];
  const allowed = ALLOWED.flatMap(words);
  const refused = words(REFUSED);
  for (const rule of BY_CAPABILITY) {
    (rule.capabilities.some((name) => bounding.includes(name)) ? allowed : refused).push(...words(rule.names));
  }
  if (machine !== undefined) allowed.push(...words(machine.names));
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: ENOSYS,
    ...(machine === undefined ? {} : { architectures: machine.seccomp }),
    syscalls: [
      { names: allowed, action: 'SCMP_ACT_ALLOW' },
      { names: refused, action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
      ...PERSONALITIES.map((value): SeccompRule => ({ names: ['personality'], action: 'SCMP_ACT_ALLOW', args: [equals(0, value)] })),
      ...socketRules(bounding.includes('CAP_AUDIT_WRITE')),
    ],
  };
}

/** Sockets of any family but vsock, which reaches the hypervisor; the kernel's audit only with its capability. */
function socketRules(mayAudit: boolean): SeccompRule[] {
  const vsock: SeccompRule = { names: ['socket'], action: 'SCMP_ACT_ERRNO', errnoRet: EPERM, args: [equals(0, AF_VSOCK)] };
  if (mayAudit) return [vsock, { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [differs(0, AF_VSOCK)] }];
  return [
    vsock,
    { names: ['socket'], action: 'SCMP_ACT_ERRNO', errnoRet: EINVAL, args: [equals(0, AF_NETLINK), equals(2, NETLINK_AUDIT)] },
    { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [equals(0, AF_NETLINK), differs(2, NETLINK_AUDIT)] },
    { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [differs(0, AF_NETLINK)] },
  ];
}

type Argument = NonNullable<SeccompRule['args']>[number];

function equals(index: number, value: number): Argument {
  return { index, value, op: 'SCMP_CMP_EQ' };
}

function differs(index: number, value: number): Argument {
  return { index, value, op: 'SCMP_CMP_NE' };
}

function words(text: string): string[] {
  return text.split(/\s+/);
}
