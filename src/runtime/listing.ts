/**
 * What a listing has read of containers that do not run, for the next one: with a thousand of them, fourteen system calls each and
 * a megabyte of JSON are most of what `ps -a` takes. Of each container the copy is compared with the record's and the exit folder's
 * inode, size and time of change, and what differs is read afresh (storage/kept-copy.ts).
 */
import type { ContainerSpec } from '../spec/container-spec.ts';
import { isSettled, keepCopy, readCopy, sameStamp, stampOf, type Stamp } from '../storage/kept-copy.ts';
import type { StoreLayout } from '../storage/layout.ts';
import type { ContainerConfig, ContainerRecord, ContainerState } from './container-record.ts';
import { readContainerState } from './lifecycle.ts';

/** Fewer containers are read as quickly without it. */
const WORTHWHILE = 64;

/** What listings and their filters ask of a record. */
export interface ListedRecord extends Pick<ContainerRecord, 'id' | 'name' | 'created' | 'pod'> {
  readonly image?: Pick<NonNullable<ContainerRecord['image']>, 'id' | 'name'>;
  readonly spec: Pick<ContainerSpec, 'autoRemove' | 'restart' | 'cidFile'> & { readonly network: Pick<ContainerSpec['network'], 'mode'> };
  readonly config: Pick<ContainerConfig, 'args' | 'labels' | 'annotations' | 'ports' | 'exposedPorts' | 'mounts' | 'networkMode' | 'health'>;
}

export interface Listed {
  readonly record: ListedRecord;
  readonly state: ContainerState;
}

interface Kept extends Listed {
  /** Of the record, and of the folder in which each fact of the last run is a file of its own. */
  readonly stamp: Stamp;
}

export class Listing {
  readonly #layout: StoreLayout;
  readonly #time: number;
  readonly #worthwhile: boolean;
  readonly #before: ReadonlyMap<string, Kept>;
  readonly #now: Kept[] = [];
  #read = 0;

  /**
   * @param count how many containers are going to be asked for
   * @param now milliseconds since the epoch
   */
  constructor(layout: StoreLayout, count: number, now = Date.now()) {
    this.#layout = layout;
    this.#time = now;
    this.#worthwhile = count >= WORTHWHILE;
    this.#before = this.#worthwhile ? readKept(layout) : new Map();
  }

  /**
   * A container that crun has no record of, so that everything about it is in its directory.
   * @param read its record, where that is not known; undefined when there is none (any more)
   */
  find(id: string, read: () => ContainerRecord | undefined): Listed | undefined {
    const paths = this.#layout.container(id);
    const stamp = this.#worthwhile ? stampOf(paths.record, paths.exitDirectory) : [];
    const before = this.#before.get(id);
    if (before !== undefined && sameStamp(before.stamp, stamp)) {
      this.#now.push(before);
      return before;
    }
    const record = read();
    if (record === undefined) return undefined;
    const state = readContainerState(paths, false);
    if (isSettled(stamp, 2, this.#time) && isOfItsFolder(state)) {
      this.#read += 1;
      this.#now.push({ record: listedOf(record), state, stamp });
    }
    return { record, state };
  }

  /** Keeps what was found, where that differs enough from what was kept before. */
  save(): void {
    const gone = this.#before.size + this.#read - this.#now.length;
    if (this.#worthwhile && this.#read + gone >= WORTHWHILE / 2) keepCopy(this.#layout, this.#layout.listing, this.#now);
  }
}

/** Half of a record is what only starts need. */
function listedOf({ id, name, created, pod, image, spec, config }: ContainerRecord): ListedRecord {
  const { args, labels, annotations, ports, exposedPorts, mounts, networkMode, health } = config;
  return {
    id,
    name,
    created,
    ...(pod === undefined ? {} : { pod }),
    ...(image === undefined ? {} : { image: { id: image.id, name: image.name } }),
    spec: {
      autoRemove: spec.autoRemove,
      ...(spec.restart === undefined ? {} : { restart: spec.restart }),
      ...(spec.cidFile === undefined ? {} : { cidFile: spec.cidFile }),
      network: { mode: spec.network.mode },
    },
    config: { args, labels, annotations, ports, exposedPorts, mounts, networkMode, ...(health === undefined ? {} : { health }) },
  };
}

/** Whether the state follows from the container's own directory alone: other machines, and whether processes live, play no part in it. */
function isOfItsFolder({ status, startedAt, error }: ContainerState): boolean {
  return error === '' && (status === 'exited' || (status === 'created' && startedAt === ''));
}

function readKept(layout: StoreLayout): ReadonlyMap<string, Kept> {
  const kept = readCopy(layout, layout.listing) as readonly Kept[] | undefined;
  return new Map((kept ?? []).map((one) => [one.record.id, one]));
}
