/** scull-port, which listens on published ports and speaks to the container as the visitor (native/scull-port.c). */
import { ScullError } from '../../host/errors.ts';
import { readTextIfPresent } from '../../host/files.ts';
import { identityOf, type ProcessIdentity } from '../../host/identity.ts';
import { run } from '../../host/process.ts';
import { nativeProgram } from '../../host/product.ts';
import type { PortRequest } from '../../spec/container-spec.ts';
import { helperPath } from '../../userns/launch.ts';
import { checkHostPorts, explainPublishFailure } from '../ports.ts';
import { forwarderFiles } from '../state.ts';

export interface ForwardRequest {
  readonly ports: readonly PortRequest[];
  /** The container's, to which visitors are led. */
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  /** A process in the container's network namespace. */
  readonly targetPid: number;
  /** As whom the container sees those who can't be spoken for. */
  readonly gateway4?: string | undefined;
  readonly gateway6?: string | undefined;
  /** The forwarder ends with this process. */
  readonly watchPid: number;
  /** The container's network.json: the forwarder's files lie beside it. */
  readonly stateFile: string;
}

/** A native helper for networks, where it and the one for containers were built. */
export function networkHelper(name: 'scull-bridge' | 'scull-net' | 'scull-port'): string | undefined {
  return helperPath() === undefined ? undefined : nativeProgram(name);
}

/** Whether somebody waits for the network of a host that has none yet. */
export function waitsForNetwork(): boolean {
  return networkHelper('scull-net') !== undefined;
}

/** By which answers to visitors are known inside the container. */
const VISITOR_MARK = 0x5d;
/** Status of scull-port where settings of the container's network can't be written. */
const UNSUPPORTED = 116;
const TIMEOUT = 20_000;

/** Publishes ports: returns when they are listened on. @throws ScullError IN_USE, PERMISSION, INVALID, NETWORK; UNSUPPORTED where only pasta can do it */
export async function forwardPorts(program: string, request: ForwardRequest): Promise<ProcessIdentity> {
  await checkHostPorts(request.ports);
  const files = forwarderFiles(request.stateFile);
  const args = ['--watch', String(request.watchPid), '--target', String(request.targetPid), '--mark', String(VISITOR_MARK), '--pid-file', files.pid, '--count-file', files.counts];
  for (const [option, gateway] of [['--gateway4', request.gateway4], ['--gateway6', request.gateway6]] as const) if (gateway !== undefined) args.push(option, gateway);
  const result = await run(program, [...args, '--', ...request.ports.flatMap((port) => portWords(port, request))], { timeout: TIMEOUT });
  const line = (): string => /^scull-port: (.*)$/m.exec(result.stderr)?.[1] ?? `exit status ${result.status}`;
  if (result.status === UNSUPPORTED) throw new ScullError('UNSUPPORTED', `the ports could not be published: ${line()}`, { hint: 'it takes a /proc that can be written to' });
  if (result.status !== 0) {
    const known = /Address already in use|Cannot assign/.test(result.stderr) ? await explainPublishFailure(request.ports) : undefined;
    throw known ?? new ScullError('NETWORK', `the ports could not be published: ${line()}`, { detail: result.stderr.trim() });
  }
  const forwarder = identityOf(Number((readTextIfPresent(files.pid) ?? '').trim()));
  if (forwarder === undefined) throw new ScullError('NETWORK', 'the program that publishes ports ended at once');
  return forwarder;
}

function portWords(port: PortRequest, { ipv4, ipv6 }: ForwardRequest): string[] {
  if (port.hostPort === undefined) throw new Error(`the host port for ${port.containerPort}/${port.protocol} was not chosen`);
  return [port.protocol, port.hostIp === '' ? '*' : port.hostIp, String(port.hostPort), String(port.range), String(port.containerPort), ipv4 ?? '-', ipv6 ?? '-'];
}
