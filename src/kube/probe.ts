/** Probes → health checks. There is no kubelet that would knock from outside: what is asked for by network is asked inside the container. */
import { ScullError } from '../host/errors.ts';
import type { HealthSpec, PortRequest } from '../spec/container-spec.ts';
import type { Fields } from './fields.ts';

interface Probe {
  readonly test: readonly string[];
  readonly interval: number;
  readonly timeout: number;
  readonly retries: number;
  readonly delay: number;
  readonly success: number;
}

export type NamedPort = PortRequest & { readonly name?: string };

/**
 * @param restarts the policy starts it again: then a container that turns unhealthy is
 * @throws ScullError INVALID
 */
export function readHealth(fields: Fields, ports: readonly NamedPort[], restarts: boolean): HealthSpec | undefined {
  const liveness = readProbe(fields.fields('livenessProbe'), ports);
  const startup = readProbe(fields.fields('startupProbe'), ports);
  const regular = liveness ?? (startup === undefined ? undefined : { ...startup, test: ['CMD-SHELL', 'exit 0'] });
  if (regular === undefined) return undefined;
  const { test, interval, timeout, retries, delay } = regular;
  return {
    test, interval, timeout, retries,
    startPeriod: delay,
    ...(restarts ? { onFailure: 'restart' } : {}),
    ...(startup === undefined ? {} : { startup: { test: startup.test, interval: startup.interval, timeout: startup.timeout, retries: startup.retries, success: startup.success } }),
  };
}

function readProbe(fields: Fields | undefined, ports: readonly NamedPort[]): Probe | undefined {
  if (fields === undefined) return undefined;
  const test = testOf(fields, ports);
  // Podman's reading of the defaults.
  const positive = (key: string, otherwise: number): number => Math.max(fields.integer(key) ?? 0, 0) || otherwise;
  const times = { interval: positive('periodSeconds', 10), timeout: positive('timeoutSeconds', 1), retries: positive('failureThreshold', 3), success: positive('successThreshold', 1), delay: fields.integer('initialDelaySeconds') ?? 0 };
  fields.passOver('terminationGracePeriodSeconds');
  return test === undefined ? undefined : { test, ...times };
}

/** With what the image has: curl or wget. The address is a word, never part of a shell's line. */
const FETCH = 'if command -v curl >/dev/null; then exec curl -fsS -o /dev/null "$1"; fi; exec wget -q -O /dev/null "$1"';

function testOf(fields: Fields, ports: readonly NamedPort[]): readonly string[] | undefined {
  const exec = fields.fields('exec');
  if (exec !== undefined) {
    const command = exec.texts('command');
    if (command.length === 0) throw exec.wrong('command', 'a list with a command');
    return ['CMD', ...command];
  }
  const http = fields.fields('httpGet');
  if (http !== undefined) {
    const path = http.text('path') ?? '/';
    const host = http.text('host') ?? 'localhost';
    const url = `${(http.text('scheme') ?? 'HTTP').toLowerCase()}://${host}:${portOf(http, ports)}${path.startsWith('/') ? '' : '/'}${path}`;
    return ['CMD', 'sh', '-c', FETCH, 'probe', url];
  }
  const socket = fields.fields('tcpSocket');
  if (socket !== undefined) return ['CMD', 'nc', '-z', socket.text('host') ?? 'localhost', String(portOf(socket, ports))];
  return undefined;
}

/** A number, or the name of a port of the container. */
function portOf(fields: Fields, ports: readonly NamedPort[]): number {
  const text = fields.required('port');
  const port = /^\d{1,5}$/.test(text) ? Number(text) : ports.find(({ name }) => name === text)?.containerPort;
  if (port === undefined || port < 1 || port > 65_535) throw new ScullError('INVALID', `${fields.wrong('port', '').message.replace(/ is not $/, '')}: there is no port ${JSON.stringify(text.slice(0, 60))}`);
  return port;
}
