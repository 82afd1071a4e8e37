#!/usr/bin/env bun
/** Runs the sources as they are, without a build: `bun bin/dev.ts run …`. For work on scull itself. */
import { runProcess } from '../src/cli/main.ts';
import { rememberScript } from '../src/host/self.ts';

rememberScript(import.meta.filename);
await runProcess(process.argv.slice(2));
