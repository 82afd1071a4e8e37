/** Containers: what each wrote, its log and its records. */
import { existsSync } from 'node:fs';
import { isScullError, ScullError } from '../../../host/errors.ts';
import { moveToQuarantine } from '../../../storage/quarantine.ts';
import { readContainers } from '../../containers/selection.ts';
import { diskUsageOf } from '../../../storage/disk-usage.ts';
import type { ContainerRecord } from '../../../runtime/container-record.ts';
import { containerIds, nameOwner, readContainer, reserveName } from '../../../runtime/container-store.ts';
import { isRunning, knownToRuntime, readContainerState } from '../../../runtime/lifecycle.ts';
import type { Engine } from '../../engine.ts';
import type { KindUsage, Problem, PruneOptions, Pruned, StoreKind, UsageCell, UsageSurvey, CheckRun } from '../store-kind.ts';

export const containerKind: StoreKind = {
  label: 'Containers',
  usage: containerUsage,
  check: checkContainers,
  prune: { heading: 'Deleted Containers', warning: () => 'all stopped containers', run: pruneContainers },
};

function containerUsage({ engine, size }: UsageSurvey): KindUsage {
  const { layout } = engine.store;
  const known = knownToRuntime(layout);
  const records = new Map(readContainers(engine).map((record) => [record.id, record]));
  const usage = { total: 0, active: 0, size: 0, reclaimable: 0 };
  const rows: UsageCell[][] = [];
  for (const id of containerIds(layout)) {
    const paths = layout.container(id);
    const bytes = size(paths.directory);
    const state = readContainerState(paths, known.has(id));
    usage.total += 1;
    usage.size += bytes;
    if (isRunning(state)) usage.active += 1;
    else usage.reclaimable += bytes;
    const record = records.get(id);
    rows.push([
      id.slice(0, 12), record?.image?.name ?? '', record?.config.args.join(' ').slice(0, 60) ?? '', String(record === undefined ? 0 : volumesOf(record)),
      { bytes }, { since: record?.created ?? '' }, state.status, record?.name ?? '<damaged>',
    ]);
  }
  return { ...usage, columns: ['CONTAINER ID', 'IMAGE', 'COMMAND', 'LOCAL VOLUMES', 'SIZE', 'CREATED', 'STATUS', 'NAMES'], rows };
}

function volumesOf(record: ContainerRecord): number {
  return new Set(record.config.mounts.filter((mount) => mount.type === 'volume').map((mount) => mount.name)).size;
}

async function pruneContainers(engine: Engine, options: PruneOptions): Promise<Pruned> {
  const { layout } = engine.store;
  const [{ removeContainers }, { selectContainers }] = await Promise.all([import('../../containers/remove.ts'), import('../../containers/selection.ts')]);
  const filters = { status: ['created', 'exited'], ...options.filters };
  const sizes = await diskUsageOf(selectContainers(engine, { filters }).selected.map(({ record }) => layout.container(record.id).directory));
  const outcomes = await removeContainers(engine, { filters });
  // One that was started meanwhile is not one to remove.
  const failed = outcomes.flatMap(({ error }) => (error === undefined || error.code === 'WRONG_STATE' ? [] : [error]));
  const names = outcomes.flatMap(({ id, error }) => (id === undefined || error !== undefined ? [] : [id]));
  return { names, bytes: names.reduce((sum, id) => sum + (sizes.get(layout.container(id).directory) ?? 0), 0), failed };
}

/** Records against their form, the directories that belong to them, their names, and the layers they stand on. */
async function checkContainers(run: CheckRun): Promise<void> {
  const { engine } = run;
  const { layout } = engine.store;
  const ids = containerIds(layout);
  const stillBroken = (among: readonly string[]): string[] => among.filter((id) => problemsOf(engine, id).length > 0);
  let broken = stillBroken(ids);
  // What another command makes, renames or removes just now is put right or gone soon; what stays so is damaged.
  for (const end = Date.now() + SETTLED; broken.length > 0 && Date.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    broken = stillBroken(broken);
  }
  for (const problem of broken.flatMap((id) => problemsOf(engine, id))) run.found(problem);
  run.looked('container', ids.length);
}

/** How long a command leaves a container half made or half removed at the most, milliseconds. */
const SETTLED = 1000;

function problemsOf(engine: Engine, id: string): Problem[] {
  const paths = engine.store.layout.container(id);
  try {
    const record = readContainer(engine.store.layout, id);
    return record === undefined ? [] : problemsOfParts(engine, record); // removed since
  } catch (error) {
    if (!isScullError(error)) throw error;
    return [{ object: `container ${id.slice(0, 12)}`, file: paths.record, what: error.message, ...(isRunning(readContainerState(paths)) ? { remedy: `it runs; remove it with \`scull rm -f ${id.slice(0, 12)}\`` } : { repair: () => quarantineContainer(engine, id) }) }];
  }
}

function problemsOfParts(engine: Engine, record: ContainerRecord): Problem[] {
  const { layout } = engine.store;
  const problems: Problem[] = [];
  const paths = layout.container(record.id);
  const object = `container ${record.name}`;
  for (const directory of [paths.upper, paths.work, paths.exitDirectory]) {
    if (!existsSync(directory) && existsSync(paths.directory)) problems.push({ object, file: directory, what: 'it is missing', remedy: `what the container wrote is lost; remove it with \`scull rm ${record.name}\`` });
  }
  const owner = nameOwner(layout, record.name);
  if (owner !== record.id) {
    problems.push({
      object,
      file: layout.name(record.name),
      what: owner === undefined ? 'the name leads nowhere' : `the name leads to container ${owner.slice(0, 12)}`,
      repair: () => {
        reserveName(layout, record.name, record.id);
        return 'made the name lead to it again';
      },
    });
  }
  for (const layer of record.image?.layers ?? []) {
    const { directory } = layout.layer(layer);
    if (existsSync(directory)) continue;
    problems.push({ object, file: directory, what: 'the layer that it stands on is missing', repair: () => unpackFor(engine, record) });
  }
  return problems;
}

/** It can't be used, but what it wrote may be worth something. */
function quarantineContainer(engine: Engine, id: string): string {
  const place = moveToQuarantine(engine.store, engine.store.layout.container(id).directory);
  return `put the container into quarantine as ${place}; what it wrote is in ${place}/upper`;
}

/** Its image may be here still, or can be pulled under its name. */
async function unpackFor(engine: Engine, record: ContainerRecord): Promise<string> {
  const { ensureImage } = await import('../../images/ensure.ts');
  const wanted = record.image as NonNullable<ContainerRecord['image']>;
  const image = await ensureImage(engine, wanted.id, { pull: 'missing' });
  const missing = wanted.layers.filter((layer) => !existsSync(engine.store.layout.layer(layer).directory));
  if (missing.length > 0) throw new ScullError('CORRUPT', `the image ${image.id.slice(7, 19)} that is here has other layers`);
  return `unpacked the layers of ${wanted.name} again`;
}
