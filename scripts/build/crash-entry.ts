/** scull with its crash points, for test/e2e/crash-points.test.ts. Runs on Node, from dist/crash. */
import { runProcess } from '../../src/cli/main.ts';
import { rememberScript } from '../../src/host/self.ts';

rememberScript(process.argv[1] as string);
void runProcess(process.argv.slice(2));
