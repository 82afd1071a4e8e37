// Prints "N passed, N failed" from the report of the last `npm test`, and fails where there is none or nothing passed.
import { readFileSync } from 'node:fs';

const file = new URL('../.cache/test-report.json', import.meta.url);
let report;
try {
  report = JSON.parse(readFileSync(file, 'utf8'));
} catch {
  console.log('0 passed, 1 failed');
  console.error(`no test report at ${file.pathname}: the tests did not run to their end`);
  process.exit(1);
}
// A file that could not even be loaded has no tests in it: it counts as one failure.
const unloadable = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
const failed = report.numFailedTests + unloadable;
const skipped = report.numPendingTests + report.numTodoTests;
if (skipped > 0) console.log(`${skipped} skipped`);
console.log(`${report.numPassedTests} passed, ${failed} failed`);
process.exit(failed > 0 || report.numPassedTests === 0 ? 1 : 0);
