/** What follows for a container that runs when its networks, or the host's, have changed. */
import { existsSync, writeFileSync } from 'node:fs';
import { writeJsonAtomic } from '../../host/files.ts';
import { isAlive } from '../../host/identity.ts';
import { forwardPorts } from '../../network/drivers/switch.ts';
import type { Attachment, SwitchState } from '../../network/state.ts';
import { killQuietly } from '../../runtime/claim.ts';
import type { ContainerRecord, ContainerState } from '../../runtime/container-record.ts';
import { isScullError } from '../../host/errors.ts';
import type { Engine } from '../engine.ts';
import { planContainerNetwork } from '../containers/prepare.ts';
import { portTarget, type PlannedAttachment } from './attachments.ts';
import { findNetwork } from './find.ts';
import type { Engaged } from './switch.ts';

/** The interfaces with their networks, without those whose network is gone. */
export function withDefinitions(engine: Engine, attachments: readonly Attachment[]): PlannedAttachment[] {
  return attachments.flatMap((attachment) => {
    try {
      return [{ network: findNetwork(engine, attachment.network), attachment }];
    } catch (error) {
      if (!isScullError(error)) throw error;
      return [];
    }
  });
}

/** /etc/resolv.conf and /etc/hosts once more, in place, for they are mounted. Those that are not ours stay as they are. */
export async function rewriteNameFiles(engine: Engine, record: ContainerRecord, facts: Pick<SwitchState, 'attachments'>): Promise<void> {
  const paths = engine.store.layout.container(record.id);
  const plan = await planContainerNetwork(engine.store.layout, record, {}, withDefinitions(engine, facts.attachments));
  for (const [file, text] of [[paths.resolvConf, plan.resolvConf], [paths.hosts, plan.hosts]] as const) {
    if (text !== undefined && existsSync(file)) writeFileSync(file, text, { mode: 0o644 });
  }
}

/** Ports lead to the first network with a way out: the forwarder is another one now, or begins, or ends. */
export async function republishPorts(engine: Engine, { holder }: Engaged, record: ContainerRecord, facts: SwitchState, state: ContainerState): Promise<void> {
  if (record.config.ports.length === 0) return;
  const { networkState } = engine.store.layout.container(record.id);
  if (facts.process !== undefined && isAlive(facts.process)) {
    killQuietly(facts.process.pid, 'SIGTERM');
    while (isAlive(facts.process)) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const { process: _ended, ...rest } = facts;
  const target = portTarget(withDefinitions(engine, facts.attachments));
  writeJsonAtomic(networkState, rest, { durable: false });
  if (target === undefined) return;
  const forwarder = await forwardPorts(holder, { ports: record.config.ports, ipv4: target.ipv4?.address, ipv6: target.ipv6?.address, watchPid: state.monitorPid, pidFile: `${networkState}.pid` });
  writeJsonAtomic(networkState, { ...rest, ports: record.config.ports, process: forwarder }, { durable: false });
}
