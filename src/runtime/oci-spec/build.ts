/**
 * config.json: a fold of small functions over an empty spec, in the order of the runtime specification's own pages
 * (config.md: root, mounts, process, hostname, hooks, annotations; config-linux.md: namespaces, maps, devices, cgroups, sysctl,
 * seccomp, propagation, masked and read-only paths, personality), then a list of checks. Pure.
 */
import { ScullError } from '../../host/errors.ts';
import type { LinuxSpec, RuntimeSpec } from '../../oci/runtime-spec.ts';
import { parseSignal } from '../../spec/signal.ts';
import type { RuntimeSpecInput } from './input.ts';
import { kernelPaths } from './kernel-paths.ts';
import { hasHostSys, INIT_PATH, mounts, rootPropagation } from './mounts.ts';
import { idMappings, namespaces } from './namespaces.ts';
import { buildProcessSpec, processEnvironment } from './process.ts';
import { cgroupResources } from './resources.ts';
import { defaultSeccompProfile } from './seccomp/default-profile.ts';
import { parseSeccompProfile } from './seccomp/profile-file.ts';
import { DOMAIN_NAME, sysctls } from './sysctls.ts';
import { validateRuntimeSpec } from './validate.ts';

type Step = (spec: RuntimeSpec, input: RuntimeSpecInput) => RuntimeSpec;

const STEPS: readonly Step[] = [
  withRoot,
  withMounts,
  withProcess,
  withHostname,
  withHooks,
  withAnnotations,
  withNamespaces,
  withCgroup,
  withSysctls,
  withSeccomp,
  withPropagation,
  withKernelPaths,
  withPersonality,
];

/**
 * @throws ScullError INVALID, UNSUPPORTED, PERMISSION or MISSING_TOOL for wishes that can't be: never a spec that does
 *   less than was asked for
 */
export function buildRuntimeSpec(input: RuntimeSpecInput): RuntimeSpec {
  const spec = STEPS.reduce((built, step) => step(built, input), emptySpec());
  validateRuntimeSpec(spec, input);
  return spec;
}

function emptySpec(): RuntimeSpec {
  const nothing: readonly string[] = [];
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: nothing,
      env: nothing,
      cwd: '/',
      capabilities: { bounding: nothing, effective: nothing, inheritable: nothing, permitted: nothing, ambient: nothing },
      noNewPrivileges: false,
    },
    root: { path: '', readonly: false },
    mounts: [],
    linux: { namespaces: [] },
  };
}

function withRoot(spec: RuntimeSpec, { rootfs, spec: wish }: RuntimeSpecInput): RuntimeSpec {
  return { ...spec, root: { path: rootfs, readonly: wish.readOnly } };
}

function withMounts(spec: RuntimeSpec, input: RuntimeSpecInput): RuntimeSpec {
  return { ...spec, mounts: mounts(input) };
}

function withProcess(spec: RuntimeSpec, input: RuntimeSpecInput): RuntimeSpec {
  const { config, spec: wish, cdi } = input;
  const given = [...config.env, ...(input.secretEnvironment ?? []), ...(input.serviceEnvironment ?? [])];
  return {
    ...spec,
    process: buildProcessSpec({
      args: wish.init ? [INIT_PATH, '--', ...config.args] : config.args,
      env: processEnvironment(cdi === undefined ? given : withVariables(given, cdi.env), { hostname: config.hostname, home: input.user.home, tty: wish.tty }),
      cwd: config.workdir,
      user: cdi === undefined ? input.user : { ...input.user, additionalGids: [...input.user.additionalGids, ...cdi.additionalGids] },
      keepGroups: keepsGroups(input),
      tty: wish.tty,
      capAdd: wish.capAdd,
      capDrop: wish.capDrop,
      privileged: wish.privileged,
      noNewPrivileges: wish.security.noNewPrivileges,
      ulimits: wish.ulimits,
      host: input.host,
      ...(wish.umask === undefined ? {} : { umask: wish.umask }),
      ...(input.terminalSize === undefined ? {} : { terminalSize: input.terminalSize }),
      ...(wish.security.apparmor === undefined ? {} : { apparmor: wish.security.apparmor }),
      ...(wish.oomScoreAdj === undefined ? {} : { oomScoreAdj: wish.oomScoreAdj }),
    }),
  };
}

/** `more` in place of others of that name. */
function withVariables(variables: readonly string[], more: readonly string[]): string[] {
  const nameOf = (variable: string): string => variable.slice(0, variable.indexOf('='));
  return [...new Map([...variables, ...more].map((variable) => [nameOf(variable), variable])).values()];
}

function withHooks(spec: RuntimeSpec, { cdi }: RuntimeSpecInput): RuntimeSpec {
  return cdi === undefined || Object.keys(cdi.hooks).length === 0 ? spec : { ...spec, hooks: cdi.hooks };
}

function keepsGroups({ spec }: RuntimeSpecInput): boolean {
  return spec.groupAdd.includes('keep-groups');
}

/** Only where the names are the container's own to set. An unprivileged user can set the domain by its system call only. */
function withHostname(spec: RuntimeSpec, { config, spec: wish }: RuntimeSpecInput): RuntimeSpec {
  if (wish.namespaces.uts.mode !== 'private') return spec;
  const domainname = wish.sysctls[DOMAIN_NAME];
  return { ...spec, hostname: config.hostname, ...(domainname === undefined ? {} : { domainname }) };
}

/**
 * The user's own, and never one that steers the runtime: those are for us to set. config.annotations holds nothing of an
 * image (CVE-2024-3154).
 */
function withAnnotations(spec: RuntimeSpec, input: RuntimeSpecInput): RuntimeSpec {
  const annotations: Record<string, string> = { ...input.config.annotations };
  for (const name of Object.keys(annotations)) {
    if (!/^(?:run\.oci\.|org\.systemd\.property\.)/.test(name)) continue;
    throw new ScullError('INVALID', `the annotation ${JSON.stringify(name)} steers the runtime, not the container`, {
      hint: name === 'run.oci.keep_original_groups' ? 'use --group-add keep-groups' : 'leave it out',
    });
  }
  if (keepsGroups(input)) annotations['run.oci.keep_original_groups'] = '1';
  if (input.cgroupsPath?.includes(':') === true) Object.assign(annotations, scopeProperties(input));
  return Object.keys(annotations).length === 0 ? spec : { ...spec, annotations };
}

/**
 * Properties of systemd's scope (systemd.kill(5)), for when that is stopped: at a shutdown, or when a user's last session has ended. As a
 * container ends by `stop`, and no 90 seconds for one that does not listen.
 */
function scopeProperties({ config }: RuntimeSpecInput): Record<string, string> {
  return {
    'org.systemd.property.KillSignal': String(parseSignal(config.stopSignal).number),
    ...(config.stopTimeout < 0 ? {} : { 'org.systemd.property.TimeoutStopUSec': `uint64 ${Math.max(config.stopTimeout, 1) * 1_000_000}` }),
  };
}

function withNamespaces(spec: RuntimeSpec, input: RuntimeSpecInput): RuntimeSpec {
  return withLinux(spec, { ...idMappings(input.userNamespace), namespaces: namespaces(input) });
}

function withCgroup(spec: RuntimeSpec, { spec: wish, host, cgroupsPath, blockDevices = {} }: RuntimeSpecInput): RuntimeSpec {
  const resources = cgroupResources(wish.resources, host.cgroup, blockDevices);
  return withLinux(spec, {
    ...(cgroupsPath === undefined ? {} : { cgroupsPath }),
    ...(resources === undefined ? {} : { resources }),
  });
}

function withSysctls(spec: RuntimeSpec, input: RuntimeSpecInput): RuntimeSpec {
  const settings = sysctls(input);
  return Object.keys(settings).length === 0 ? spec : withLinux(spec, { sysctl: settings });
}

/** A privileged container has a filter only if one was named. */
function withSeccomp(spec: RuntimeSpec, { spec: wish, host, seccompProfile }: RuntimeSpecInput): RuntimeSpec {
  const { seccomp } = wish.security;
  if (seccomp === 'unconfined') return spec;
  const facts = { bounding: spec.process.capabilities.bounding, architecture: host.architecture };
  if (seccompProfile === undefined) {
    if (seccomp !== undefined) throw new Error(`the seccomp profile ${seccomp} was not read`);
    return wish.privileged || !host.seccomp ? spec : withLinux(spec, { seccomp: defaultSeccompProfile(facts.bounding, facts.architecture) });
  }
  if (!host.seccomp) throw new ScullError('UNSUPPORTED', `cannot apply the seccomp profile ${seccomp === undefined ? 'of the image' : JSON.stringify(seccomp)}: this kernel has no seccomp filters`);
  return withLinux(spec, { seccomp: parseSeccompProfile(seccompProfile, facts) });
}

function withPropagation(spec: RuntimeSpec, input: RuntimeSpecInput): RuntimeSpec {
  const rootfsPropagation = rootPropagation(input.mounts);
  return rootfsPropagation === undefined ? spec : withLinux(spec, { rootfsPropagation });
}

function withKernelPaths(spec: RuntimeSpec, input: RuntimeSpecInput): RuntimeSpec {
  return withLinux(
    spec,
    kernelPaths(input.spec, { thermalThrottlePaths: input.host.thermalThrottlePaths, hostSys: hasHostSys(input) }),
  );
}

function withPersonality(spec: RuntimeSpec, { spec: { personality } }: RuntimeSpecInput): RuntimeSpec {
  return personality === undefined ? spec : withLinux(spec, { personality: { domain: personality } });
}

function withLinux(spec: RuntimeSpec, linux: Partial<LinuxSpec>): RuntimeSpec {
  return { ...spec, linux: { ...spec.linux, ...linux } };
}
