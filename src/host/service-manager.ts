/** What a service manager that started us gave us: where it wants to be told, and sockets that it listens on for us. */

/** Path of its socket, or `@` and a name in the abstract namespace: sd_notify(3), NOTIFY_SOCKET. */
export function notifySocket(): string | undefined {
  const path = process.env['NOTIFY_SOCKET'];
  return path !== undefined && /^[/@]./.test(path) ? path : undefined;
}

export interface PassedSockets {
  /** They are the descriptors from 3 on. */
  readonly count: number;
  /** One for each, with `:` between. */
  readonly names: string | undefined;
}

/** More descriptors than this no unit has; the launcher takes as many. */
const MOST = 24;

/** sd_listen_fds(3); they are only for the process that LISTEN_PID names, and only we are that one. */
export function passedSockets(): PassedSockets {
  const count = Number(process.env['LISTEN_FDS'] ?? 0);
  if (process.env['LISTEN_PID'] !== String(process.pid) || !Number.isInteger(count) || count <= 0) return { count: 0, names: undefined };
  return { count: Math.min(count, MOST), names: process.env['LISTEN_FDNAMES'] };
}
