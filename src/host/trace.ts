/** Where the time of a command goes: with SCULL_TRACE=1 each stage prints its name and the milliseconds since the process began. */
import { writeSync } from 'node:fs';

const enabled = process.env['SCULL_TRACE'] === '1';

export function trace(stage: string): void {
  if (enabled) writeSync(2, `trace ${performance.now().toFixed(1).padStart(7)} ms  ${stage}\n`);
}
