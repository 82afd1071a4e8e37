/** Limits of a pod as a whole: a slice of the user's systemd, which holds the scopes of its containers. */
import { ScullError } from '../../host/errors.ts';
import { cgroupPlanFor } from '../../runtime/cgroups.ts';
import { blockDevices } from '../../runtime/host-devices.ts';
import { readHostFacts } from '../../runtime/host-facts.ts';
import { cgroupResources } from '../../runtime/oci-spec/resources.ts';
import type { ResourceSpec } from '../../spec/container-spec.ts';
import type { PodRecord } from '../../storage/pods.ts';
import { podSlice, sliceProperties } from '../../systemd/slice.ts';
import { systemctl } from '../../systemd/systemctl.ts';
import { defaultIdMaps } from '../../userns/id-maps.ts';

/** @throws ScullError UNSUPPORTED naming the controller that is missing, or what else keeps it from being enforced; INVALID */
export function checkPodLimits(wish: ResourceSpec): void {
  const cgroup = cgroupPlanFor(wish);
  cgroupResources(wish, readHostFacts(defaultIdMaps(), cgroup, false).cgroup, blockDevices(wish));
  if (cgroup.manager === 'systemd') return;
  throw new ScullError('UNSUPPORTED', `the limits of a pod need a systemd of the user, which keeps its containers together: ${cgroup.reason ?? 'it does not run here'}`, { hint: cgroup.remedy });
}

/** Before the first of its containers. They last as long as the user's systemd runs, and may be set again. @throws ScullError TOOL_FAILED, and as {@link checkPodLimits} */
export async function applyPodLimits({ id, resources }: PodRecord): Promise<void> {
  if (resources === undefined) return;
  checkPodLimits(resources);
  const properties = sliceProperties(resources);
  if (properties.length > 0) await systemctl('set-property', '--runtime', podSlice(id, resources.cgroupParent), ...properties);
}

/** When its containers are gone. Where systemd is gone too, so are slice and limits. */
export async function forgetPodLimits({ id, resources }: PodRecord): Promise<void> {
  if (resources === undefined) return;
  const slice = podSlice(id, resources.cgroupParent);
  for (const word of ['stop', 'revert']) {
    try {
      await systemctl(word, slice);
    } catch (error) {
      if (!(error instanceof ScullError)) throw error;
    }
  }
}
