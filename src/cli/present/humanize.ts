/** Sizes, times and ids in the words of Docker and Podman. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];
const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB'];

/** Decimal size with that many significant digits: `72.8MB` (Docker's form, and Podman's everywhere but in `images`). */
export function humanSize(bytes: number, digits = 3): string {
  const [value, unit] = scaled(bytes, 1000, UNITS, digits);
  return value + unit;
}

/** The form of Podman's `images`: `72.8 MB`. */
export function humanSizeSpaced(bytes: number): string {
  const [value, unit] = scaled(bytes, 1000, UNITS, 3);
  return `${value} ${unit}`;
}

/** Binary size: `1.5GiB`. */
export function binarySize(bytes: number): string {
  const [value, unit] = scaled(bytes, 1024, BINARY_UNITS, 4);
  return value + unit;
}

function scaled(bytes: number, base: number, units: readonly string[], digits: number): readonly [string, string] {
  let value = bytes;
  let index = 0;
  while (value >= base && index < units.length - 1) {
    value /= base;
    index += 1;
  }
  // C's %.3g: 999.6 becomes 1e+03, as it does in Docker and Podman; a size a person reads is carried to the next unit.
  if (Number(value.toPrecision(digits)) >= base && index < units.length - 1) {
    value /= base;
    index += 1;
  }
  return [String(Number(value.toPrecision(digits))), units[index] as string];
}

/** A span of time, roughly, in the words of Docker's units library: `2 hours`, `About a minute`. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const minutes = Math.floor(milliseconds / 60_000);
  const hours = Math.floor(milliseconds / 3_600_000 + 0.5);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 14) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 60) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(Math.floor(milliseconds / 3_600_000) / 24 / 365)} years`;
}

/** `2 hours ago`; '' for a time that never was (empty, the zero time) or cannot be read. */
export function humanAgo(time: string, now: number): string {
  const then = Date.parse(time);
  return Number.isNaN(then) || isZeroTime(time) ? '' : `${humanDuration(now - then)} ago`;
}

/** Go's zero time, which JSON of Docker shows for "never". */
function isZeroTime(time: string): boolean {
  return time === '' || time.startsWith('0001-01-01');
}

/** The id without `sha256:`, its first 12 digits unless all are wanted. */
export function shortId(id: string, whole = false): string {
  const hex = id.startsWith('sha256:') ? id.slice(7) : id;
  return whole ? hex : hex.slice(0, 12);
}

/** Text of at most `limit` characters followed by three dots, as Podman cuts a COMMAND. */
export function truncate(text: string, limit: number): string {
  if (text.length <= limit) return text;
  return `${[...text].slice(0, limit).join('')}...`;
}

/** Go's time.Time.String(): `2024-05-01 10:20:30.5 +0000 UTC`, what {{.CreatedAt}} shows. */
export function goTime(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return time;
  const iso = date.toISOString();
  const fraction = (/\.(\d+)/.exec(time)?.[1] ?? '').replace(/0+$/, '');
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}${fraction === '' ? '' : `.${fraction}`} +0000 UTC`;
}
