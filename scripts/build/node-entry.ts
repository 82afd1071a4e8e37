/** What bin/run.js loads: the command line for Node, in one file. */
export { runProcess } from '../../src/cli/main.ts';
export { main } from '../../src/cli/main.ts';
export { rememberScript } from '../../src/host/self.ts';
