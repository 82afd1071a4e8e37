/** pause and unpause: the cgroup freezer, which needs a cgroup of the container's own. */
import { ScullError } from '../../host/errors.ts';
import { cgroupPlan, cgroupPlanFor } from '../../runtime/cgroups.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { crunCommand, explainRuntimeFailure } from '../../runtime/crun.ts';
import { refuseElsewhere } from '../../runtime/last-run.ts';
import { readContainerState } from '../../runtime/lifecycle.ts';
import type { Engine } from '../engine.ts';
import { recordContainerEvent } from '../events/record.ts';
import { forEachSelected, type Outcome, type Selection } from './selection.ts';

export function pauseContainers(engine: Engine, selection: Selection): Promise<Outcome[]> {
  return forEachSelected(engine, withStatus(selection, 'running'), async ({ record }) => {
    refuseElsewhere(engine.store.layout.container(record.id));
    const { status } = readContainerState(engine.store.layout.container(record.id));
    if (status !== 'running') throw new ScullError('WRONG_STATE', `container ${record.name} is not running but ${status}, it can't be paused`);
    await freezeContainer(engine, record);
  });
}

export function unpauseContainers(engine: Engine, selection: Selection): Promise<Outcome[]> {
  return forEachSelected(engine, withStatus(selection, 'paused'), async ({ record }) => {
    refuseElsewhere(engine.store.layout.container(record.id));
    const { status } = readContainerState(engine.store.layout.container(record.id));
    if (status !== 'paused') throw new ScullError('WRONG_STATE', `container ${record.name} is not paused but ${status}`);
    await unpauseContainer(engine, record);
  });
}

/** --all is about those that it can be done to. */
function withStatus(selection: Selection, status: string): Selection {
  return selection.all === true ? { ...selection, filters: { ...selection.filters, status: [status] } } : selection;
}

/** @throws ScullError UNSUPPORTED without a cgroup of the container's own */
export function freezeContainer(engine: Engine, record: ContainerRecord): Promise<void> {
  return freeze(engine, record, 'pause');
}

export function unpauseContainer(engine: Engine, record: ContainerRecord): Promise<void> {
  return freeze(engine, record, 'resume');
}

async function freeze(engine: Engine, record: ContainerRecord, verb: 'pause' | 'resume'): Promise<void> {
  const { resources } = record.spec;
  const cgroup = resources.cgroups === 'disabled' ? cgroupPlanFor(resources) : cgroupPlan();
  if (cgroup.manager === 'none') {
    throw new ScullError('UNSUPPORTED', `pausing needs a cgroup v2 of the container's own, but ${cgroup.reason ?? 'none is delegated'}`, {
      hint: cgroup.remedy,
    });
  }
  const result = await crunCommand(engine.store.layout, cgroup, verb, [record.id]);
  if (result.status !== 0) throw explainRuntimeFailure(result.stderr);
  recordContainerEvent(engine, record, verb === 'pause' ? 'pause' : 'unpause');
}
