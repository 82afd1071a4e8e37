/** For tests of modules that start scull's own programs: they are found as if scull ran from this checkout. */
import { join } from 'node:path';

/** The folder of package.json. */
export const checkoutDirectory = join(import.meta.dirname, '../..');

/** host/product.ts looks for dist/ beside the script that runs; under the test runner that would be the runner's. */
export function runFromCheckout(): void {
  process.argv[1] = join(checkoutDirectory, 'bin/dev.ts');
}
