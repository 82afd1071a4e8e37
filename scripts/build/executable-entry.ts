/** The single-file executable starts here. */
import { runProcess } from '../../src/cli/main.ts';

void runProcess(process.argv.slice(2));
