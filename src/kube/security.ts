/** securityContext, of pods and of containers. */
import { parseCapabilities } from '../spec/capability.ts';
import type { ContainerSpec, SecuritySpec } from '../spec/container-spec.ts';
import type { Fields } from './fields.ts';

export interface PodSecurity {
  readonly user?: number;
  readonly group?: number;
  readonly groups: readonly string[];
  readonly labels: readonly string[];
  readonly seccomp?: string;
  /** `name=value` */
  readonly sysctls: readonly string[];
}

const ID = { min: 0, max: 0xfffffffe };
/** Where a kubelet has its profiles. */
const SECCOMP_ROOT = '/var/lib/kubelet/seccomp';

/** @throws ScullError INVALID */
export function readPodSecurity(fields: Fields | undefined): PodSecurity {
  const own = readIds(fields);
  return {
    ...own,
    groups: (fields?.texts('supplementalGroups') ?? []),
    sysctls: (fields?.list('sysctls') ?? []).map((sysctl) => `${sysctl.required('name')}=${sysctl.text('value') ?? ''}`),
  };
}

/** What a container's own context, and for what that leaves open its pod's, make of a wish. @throws ScullError INVALID */
export function readSecurity(fields: Fields | undefined, pod: PodSecurity): Pick<ContainerSpec, 'user' | 'groupAdd' | 'readOnly' | 'privileged' | 'capAdd' | 'capDrop' | 'security'> {
  const own = readIds(fields);
  const [user, group] = [own.user ?? pod.user, own.group ?? pod.group];
  const capabilities = fields?.fields('capabilities');
  const procMount = fields?.text('procMount');
  const seccomp = own.seccomp ?? pod.seccomp;
  const security: SecuritySpec = {
    noNewPrivileges: fields?.boolean('allowPrivilegeEscalation') === false,
    ...(seccomp === undefined ? {} : { seccomp }),
    labels: own.labels.length > 0 ? own.labels : pod.labels,
    mask: [],
    unmask: procMount === 'Unmasked' ? ['ALL'] : [],
    procOptions: [],
  };
  return {
    ...(user === undefined && group === undefined ? {} : { user: `${user ?? 0}${group === undefined ? '' : `:${group}`}` }),
    groupAdd: pod.groups,
    readOnly: fields?.boolean('readOnlyRootFilesystem') ?? false,
    privileged: fields?.boolean('privileged') ?? false,
    capAdd: (capabilities?.texts('add') ?? []).flatMap(parseCapabilities),
    capDrop: (capabilities?.texts('drop') ?? []).flatMap(parseCapabilities),
    security,
  };
}

function readIds(fields: Fields | undefined): Pick<PodSecurity, 'user' | 'group' | 'labels' | 'seccomp'> {
  const [user, group] = [fields?.integer('runAsUser', ID), fields?.integer('runAsGroup', ID)];
  const linux = fields?.fields('seLinuxOptions');
  const labels = (['user', 'role', 'type', 'level'] as const).flatMap((key) => {
    const value = linux?.text(key);
    return value === undefined || value === '' ? [] : [`${key}:${value}`];
  });
  const seccomp = seccompOf(fields?.fields('seccompProfile'));
  return { ...(user === undefined ? {} : { user }), ...(group === undefined ? {} : { group }), labels, ...(seccomp === undefined ? {} : { seccomp }) };
}

function seccompOf(profile: Fields | undefined): string | undefined {
  const type = profile?.text('type');
  if (profile === undefined || type === undefined || type === 'RuntimeDefault') return undefined;
  if (type === 'Unconfined') return 'unconfined';
  if (type !== 'Localhost') throw profile.wrong('type', 'RuntimeDefault, Unconfined or Localhost');
  const path = profile.required('localhostProfile');
  return path.startsWith('/') ? path : `${SECCOMP_ROOT}/${path}`;
}
