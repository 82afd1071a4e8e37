/** update: podman-update(1). Limits of a running container change at once, and stay with the container; so do policy and checks. */
import { writeFileSync, rmSync } from 'node:fs';
import { ScullError } from '../../host/errors.ts';
import { cgroupPlanFor } from '../../runtime/cgroups.ts';
import { changeContainer } from '../../runtime/container-change.ts';
import type { ContainerConfig, ContainerRecord } from '../../runtime/container-record.ts';
import { crunCommand, explainRuntimeFailure, readRuntimeState } from '../../runtime/crun.ts';
import { mergeHealth } from '../../runtime/health-config.ts';
import { blockDevices } from '../../runtime/host-devices.ts';
import { readHostFacts } from '../../runtime/host-facts.ts';
import { startKeeper } from '../../runtime/keeper.ts';
import { isRunning, readContainerState } from '../../runtime/lifecycle.ts';
import { cgroupResources } from '../../runtime/oci-spec/resources.ts';
import type { EnvironmentSpec, HealthSpec, ResourceSpec, RestartSpec, UlimitSpec } from '../../spec/container-spec.ts';
import { variableName, withVariables } from '../../spec/environment.ts';
import { defaultIdMaps } from '../../userns/id-maps.ts';
import type { Engine } from '../engine.ts';
import { recordContainerEvent } from '../events/record.ts';
import { forEachSelected, type Outcome, type Selection } from './selection.ts';

export interface UpdateOptions extends Selection {
  /** What of them is given changes, the rest stays. */
  readonly resources?: ResourceSpec;
  /** `no` takes a policy away. */
  readonly restart?: RestartSpec;
  readonly health?: HealthSpec;
  /** Of its first process, from the next start on. */
  readonly environment?: EnvironmentChange;
  readonly ulimits?: readonly UlimitSpec[];
}

export interface EnvironmentChange {
  /** `K=V` */
  readonly set: readonly string[];
  /** Names. */
  readonly unset: readonly string[];
}

/** @throws ScullError in the outcomes: UNSUPPORTED for a limit that cannot be enforced, INVALID for one that makes no sense */
export function updateContainers(engine: Engine, options: UpdateOptions): Promise<Outcome[]> {
  return forEachSelected(engine, options, ({ record: { id } }) =>
    changeContainer(engine.store, id, async (record, write) => {
      const changed = updated(record, options);
      if (options.resources !== undefined && Object.keys(options.resources).length > 0) await applyLimits(engine, changed);
      write(changed);
      keep(engine, record, changed);
      recordContainerEvent(engine, changed, 'update');
    }),
  );
}

function updated(record: ContainerRecord, options: UpdateOptions): ContainerRecord {
  const { restart: policy, ...spec } = record.spec;
  const restart = options.restart === undefined ? policy : options.restart.name === 'no' ? undefined : options.restart;
  if (restart !== undefined && spec.autoRemove) throw new ScullError('INVALID', `container ${record.name} is removed when it ends (--rm): it can't have a restart policy`);
  return {
    ...record,
    spec: {
      ...spec,
      resources: withNewResources(spec.resources, options.resources ?? {}),
      environment: options.environment === undefined ? spec.environment : wishedEnvironment(spec.environment, options.environment),
      ulimits: [...spec.ulimits.filter(({ name }) => options.ulimits?.some((given) => given.name === name) !== true), ...(options.ulimits ?? [])],
      ...(restart === undefined ? {} : { restart }),
      ...(options.health === undefined ? {} : { health: { ...spec.health, ...options.health } }),
    },
    config: withEnvironment(withHealth(record, options.health), options.environment),
  };
}

/** --cpus and --cpu-quota say the same: the new one takes the other's place. */
export function withNewResources(before: ResourceSpec, given: ResourceSpec): ResourceSpec {
  const { cpus, cpuQuota, cpuPeriod, ...rest } = before;
  if (given.cpus !== undefined) return { ...rest, ...given };
  const quota = { ...(cpuQuota === undefined ? {} : { cpuQuota }), ...(cpuPeriod === undefined ? {} : { cpuPeriod }) };
  if (given.cpuQuota !== undefined || given.cpuPeriod !== undefined) return { ...rest, ...quota, ...given };
  return { ...before, ...given };
}

function withHealth(record: ContainerRecord, wish: HealthSpec | undefined): ContainerRecord['config'] {
  if (wish === undefined) return record.config;
  const { health: before, ...rest } = record.config;
  // What is not given stays: that of the container takes the image's place.
  const health = mergeHealth({ ...record.spec.health, ...wish }, before?.healthcheck);
  return { ...rest, ...(health === undefined ? {} : { health }) };
}

function wishedEnvironment(before: EnvironmentSpec, { set, unset }: EnvironmentChange): EnvironmentSpec {
  const changed = [...set.map(variableName), ...unset];
  return { ...before, set: [...before.set.filter((entry) => !changed.includes(variableName(entry))), ...set], unset: [...before.unset.filter((name) => !changed.includes(name)), ...unset] };
}

function withEnvironment(config: ContainerConfig, change: EnvironmentChange | undefined): ContainerConfig {
  if (change === undefined) return config;
  const kept = config.env.filter((entry) => !change.unset.includes(variableName(entry)));
  return { ...config, env: withVariables(kept, change.set) };
}

/** Checked also for a container that does not run: its next start would fail. */
async function applyLimits(engine: Engine, record: ContainerRecord): Promise<void> {
  const { layout } = engine.store;
  const paths = layout.container(record.id);
  const { resources } = record.spec;
  const cgroup = cgroupPlanFor(resources.cgroups === 'split' ? {} : resources);
  const limits = cgroupResources(resources, readHostFacts(defaultIdMaps(), cgroup, false).cgroup, blockDevices(resources));
  if (!isRunning(readContainerState(paths)) || limits === undefined) return;
  if ((readRuntimeState(paths.runtimeState)?.cgroupPath ?? '') === '') {
    throw new ScullError('UNSUPPORTED', `container ${record.name} runs without a cgroup of its own: its limits can't change while it runs`, { hint: cgroup.remedy });
  }
  const file = `${paths.bundle}/update.json`;
  writeFileSync(file, JSON.stringify(limits), { mode: 0o600 });
  try {
    const result = await crunCommand(layout, cgroup, 'update', ['--resources', file, record.id]);
    if (result.status !== 0) throw explainRuntimeFailure(result.stderr);
  } finally {
    rmSync(file, { force: true });
  }
}

/** A running container that had nothing to be kept for gets what it now wants; what it has reads the record anew each time. */
function keep(engine: Engine, before: ContainerRecord, after: ContainerRecord): void {
  const state = readContainerState(engine.store.layout.container(after.id));
  if (!isRunning(state) || state.monitorPid === 0) return;
  const parts = { check: before.config.health === undefined && after.config.health !== undefined, then: before.spec.restart === undefined && after.spec.restart !== undefined };
  if (parts.check || parts.then) startKeeper(engine.store.layout, after, state.monitorPid, false, parts);
}
