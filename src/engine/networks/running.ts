/** What follows for a container that runs when its networks, or the host's, have changed. */
import { writeFileSync } from 'node:fs';
import { readTextIfPresent, writeJsonAtomic } from '../../host/files.ts';
import { isAlive } from '../../host/identity.ts';
import type { Attachment, SwitchState } from '../../network/state.ts';
import type { ContainerRecord, ContainerState } from '../../runtime/container-record.ts';
import { isScullError } from '../../host/errors.ts';
import { killQuietly } from '../../host/kill.ts';
import type { Engine } from '../engine.ts';
import { planContainerNetwork } from '../containers/prepare.ts';
import { publishedInterface, publishOn, type PlannedAttachment } from './attachments.ts';
import { findNetwork } from './find.ts';

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

/**
 * /etc/resolv.conf and /etc/hosts once more, in place, for they are mounted. Those that are not ours stay as they are.
 * @param attachments none on the default network
 */
export async function rewriteNameFiles(engine: Engine, record: ContainerRecord, attachments: readonly Attachment[], staleForwarder = false): Promise<void> {
  const paths = engine.store.layout.container(record.id);
  const plan = await planContainerNetwork(engine.store.layout, record, {}, withDefinitions(engine, attachments), staleForwarder);
  for (const [file, text] of [[paths.resolvConf, plan.resolvConf], [paths.hosts, plan.hosts]] as const) {
    const before = readTextIfPresent(file);
    if (text === undefined || before === undefined) continue;
    const whole = file === paths.hosts && record.pod !== undefined ? text + membersIn(before, text) : text;
    if (whole !== before) writeFileSync(file, whole, { mode: 0o644 });
  }
}

/** The lines by which containers of a pod know each other, see pods/infra.ts. */
function membersIn(before: string, text: string): string {
  const known = new Set(text.split('\n'));
  return before.split('\n').filter((line) => line.startsWith('127.0.0.1\t') && !known.has(line)).map((line) => `${line}\n`).join('');
}

/** Ports lead to the first network with a way out. While that is the same, and the forwarder lives, visitors keep their connections. */
export async function republishPorts(engine: Engine, record: ContainerRecord, facts: SwitchState, state: ContainerState): Promise<void> {
  const { ports } = record.config;
  if (ports.length === 0) return;
  const { networkState } = engine.store.layout.container(record.id);
  const { process: forwarder, publishedOn, ...rest } = facts;
  const planned = withDefinitions(engine, facts.attachments);
  const lives = forwarder !== undefined && isAlive(forwarder);
  if (lives && publishedOn === publishedInterface(planned)) return;
  if (lives) {
    killQuietly(forwarder.pid, 'SIGTERM');
    while (isAlive(forwarder)) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  writeJsonAtomic(networkState, rest, { durable: false });
  const published = await publishOn(planned, ports, { target: state.pid, watch: state.monitorPid, stateFile: networkState });
  if (published !== undefined) writeJsonAtomic(networkState, { ...rest, ports, ...published }, { durable: false });
}
