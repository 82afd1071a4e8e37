/** Which containers are plugged into the switch now, from the facts of those that run or are being started. */
import { isScullError } from '../../host/errors.ts';
import { namesIn } from '../../host/files.ts';
import { readNetworkState, type SwitchState } from '../../network/state.ts';
import { claimState, readIdentity } from '../../runtime/claim.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { readContainer } from '../../runtime/container-store.ts';
import type { StoreLayout } from '../../storage/layout.ts';
import type { Engine } from '../engine.ts';

export interface PluggedIn extends Pick<SwitchState, 'attachments' | 'dns'> {
  readonly record: ContainerRecord;
  readonly state: SwitchState;
}

/** In the order of their ids. Damaged ones are passed over: whoever asks for them by name is told. */
export function pluggedIn(engine: Engine): PluggedIn[] {
  const { layout } = engine.store;
  return claimedIds(layout).flatMap((id) => {
    try {
      const state = readNetworkState(layout.container(id).networkState);
      if (state?.driver !== 'switch' || claimState(layout, id) === 'dead') return [];
      const record = readContainer(layout, id);
      return record === undefined ? [] : [{ record, state, attachments: state.attachments, dns: state.dns }];
    } catch (error) {
      if (!isScullError(error, 'CORRUPT', 'UNSUPPORTED')) throw error;
      return [];
    }
  });
}

function claimedIds(layout: StoreLayout): string[] {
  return namesIn(layout.claims).filter((name) => /^[0-9a-f]{64}$/.test(name)).sort();
}

/** Names one start of a container: an address that it took is free when that start is over, whatever comes after. */
export function leaseOwner(layout: StoreLayout, id: string): string {
  const starter = readIdentity(layout.container(id).starterFile);
  return `${id}@${starter?.pid ?? 0}.${starter?.startTime ?? 0}`;
}

/** True while that start goes on. */
export function isLeaseHeld(layout: StoreLayout, owner: string): boolean {
  const id = owner.slice(0, 64);
  return /^[0-9a-f]{64}@/.test(owner) && leaseOwner(layout, id) === owner && claimState(layout, id) !== 'dead';
}
