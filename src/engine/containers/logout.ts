/** What becomes of a container in the background when its user logs out, told when it is started where that is bad news. */
import { killsUserProcesses, lingers, logindPlace } from '../../host/linger.ts';
import { userName } from '../../userns/id-maps.ts';
import type { Engine } from '../engine.ts';

let told = false;

/** Once per command. */
export function tellOfLogout(engine: Engine, name: string): void {
  if (told) return;
  const place = logindPlace();
  if (place === undefined || lingers(userName())) return;
  told = true;
  // Its monitor is where we are.
  engine.progress({ kind: 'message', level: 'warning', text: afterLogout(name, place === 'manager' || killsUserProcesses()) });
}

/** @param ends whether it ends with the last session. Pure. */
export function afterLogout(name: string, ends: boolean): string {
  if (ends) return `container ${name} is ended when your last session ends: \`loginctl enable-linger\` keeps it; its files and its log stay in any case`;
  return `container ${name} outlives your sessions as long as logind ends no processes (KillUserProcesses=no): \`loginctl enable-linger\` makes sure of it`;
}
