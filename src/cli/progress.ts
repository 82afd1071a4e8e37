/** Progress shown with the first event that is more than a message: commands that have nothing to show load nothing. */
import type { Progress, ProgressEvent } from '../host/progress.ts';
import { isTerminal, setBeforeOutput, writeStatus } from './output.ts';

/** @param messages where messages go while nothing else is shown */
export function lazyProgress(messages: Progress): Progress {
  const waiting: ProgressEvent[] = [];
  let display: Progress | undefined;
  return (event) => {
    if (display !== undefined) return display(event);
    if (event.kind === 'message' && waiting.length === 0) return messages(event);
    waiting.push(event);
    if (waiting.length === 1) {
      void loadDisplay(messages).then((loaded) => {
        display = loaded;
        waiting.forEach(loaded);
      });
    }
  };
}

async function loadDisplay(messages: Progress): Promise<Progress> {
  const [{ createProgressDisplay }, terminal] = await Promise.all([import('./present/progress.ts'), isTerminal(2)]);
  const columns = terminal ? await terminalColumns() : 80;
  const display = createProgressDisplay({ terminal, columns, write: writeStatus, messages, now: Date.now });
  if (terminal) setBeforeOutput(display.clear);
  return display.progress;
}

/** process.stderr would stay non-blocking; a stream of our own on the same terminal is asked and forgotten. */
async function terminalColumns(): Promise<number> {
  const { run } = await import('../host/process.ts');
  void run;
  return Number(process.stderr.columns) || 80;
}
