/** Waiting for the kernel's clock. */
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Changes within a tick of the kernel's clock can't be told apart, which is why what is new is not kept. Makes a file in the directory. */
export function untilTheClockTicks(directory: string): void {
  const probe = join(directory, 'probe');
  const touch = (): number => {
    rmSync(probe, { force: true });
    writeFileSync(probe, '');
    return statSync(probe).ctimeMs;
  };
  for (const before = touch(); touch() === before; );
}
