/** What becomes of a container in the background when its user logs out, told when it is started where that is bad news. */
import { environmentVariable } from '../../host/environment.ts';
import { isInLogindSession, killsUserProcesses, lingers } from '../../host/linger.ts';
import type { CgroupPlan } from '../../runtime/cgroups.ts';
import { userName } from '../../userns/id-maps.ts';
import type { Engine } from '../engine.ts';

let told = false;

/** Once per command. A unit's containers end with the unit, which whoever wrote it knows. */
export function tellOfLogout(engine: Engine, name: string, cgroup: CgroupPlan): void {
  if (told || environmentVariable('INVOCATION_ID') !== undefined || !isInLogindSession() || lingers(userName())) return;
  told = true;
  engine.progress({ kind: 'message', level: 'warning', text: afterLogout(name, cgroup.manager === 'systemd' || killsUserProcesses()) });
}

/** @param ends whether logind ends it; else only the runtime directory goes, by which it is found. Pure. */
export function afterLogout(name: string, ends: boolean): string {
  const what = ends ? `container ${name} is ended` : `container ${name} goes on, but can't be reached any more,`;
  return `${what} when your last session ends: \`loginctl enable-linger\` keeps it; its files and its log stay in any case`;
}
