import { defineConfig } from 'vitest/config';

/**
 * Four projects over three kinds of tests. `unit` needs nothing but Node and runs anywhere in seconds. The e2e suites start
 * real containers as an unprivileged user, once with the single-file executable and once with the npm package on Node:
 * same files, other product. `vm` has a Debian with systemd in a virtual machine. `npm test` brings about what they need (scripts/test.mjs).
 */
const endToEnd = {
  include: ['test/e2e/**/*.test.ts'],
  globalSetup: ['test/support/global-setup.ts'],
  testTimeout: 60_000,
  hookTimeout: 120_000,
  // What is waited for may take its time on a machine with little of it.
  expect: { poll: { timeout: 20_000 } },
  // CI shares its machine: a test that fails there is asked once more, and the report says so.
  retry: process.env['CI'] === undefined ? 0 : 1,
  // Half of a suite's time is spent waiting for containers, so a few more files than processors keep the machine busy.
  maxWorkers: 4,
};

/** These start a product of their own, or are about the kernel and the disk only: once is enough. */
const ofOwnProduct = ['test/e2e/crash-points.test.ts', 'test/e2e/random-kills.test.ts', 'test/e2e/full-disk.test.ts', 'test/e2e/broken-disk.test.ts', 'test/e2e/faults.test.ts', 'test/e2e/concurrency.test.ts'];

export default defineConfig({
  cacheDir: '.cache/vitest',
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{unit,golden,hostile,contract}/**/*.test.ts', 'test/architecture.test.ts'],
          // Of seconds on a quiet machine; a disk that others are using takes its time to flush what tests and their hooks write.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      { test: { ...endToEnd, name: 'e2e', env: { SCULL_TEST_PRODUCT: 'executable' }, sequence: { groupOrder: 1 } } },
      { test: { ...endToEnd, name: 'e2e-node', exclude: ['test/e2e/executable.test.ts', ...ofOwnProduct], env: { SCULL_TEST_PRODUCT: 'node' }, sequence: { groupOrder: 2 } } },
      {
        test: {
          name: 'vm',
          include: ['test/vm/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 20_000,
          hookTimeout: 2_000_000,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
