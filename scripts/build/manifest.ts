/** The description of all commands, as oclif keeps it in oclif.manifest.json: for help, suggestions and completion. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ALIASES, COMMANDS } from '../../src/cli/command-table.ts';
import { VERSION } from '../../src/host/version.ts';

interface CachedCommand {
  flags: Record<string, Record<string, unknown>>;
  [property: string]: unknown;
}

/** oclif's own function for this is not exported, only reachable by path: oclif is pinned. */
function cacheCommandOf(root: string): (command: unknown) => Promise<CachedCommand> {
  const require = createRequire(join(root, 'package.json'));
  const oclif = dirname(require.resolve('@oclif/core/package.json'));
  return (require(join(oclif, 'lib/util/cache-command.js')) as { cacheCommand: (command: unknown) => Promise<CachedCommand> }).cacheCommand;
}

/** @param root the folder of package.json. @returns what oclif.manifest.json holds, sorted by command. */
export async function generateManifest(root: string): Promise<{ commands: Record<string, CachedCommand>; version: string }> {
  const cacheCommand = cacheCommandOf(root);
  const commands: Record<string, CachedCommand> = {};
  for (const id of Object.keys(COMMANDS).sort()) {
    const { default: command } = await (COMMANDS[id] as (typeof COMMANDS)[string])();
    command.id = id.replaceAll(' ', ':');
    const cached = await cacheCommand(command);
    cached['aliases'] = Object.keys(ALIASES).filter((alias) => ALIASES[alias] === id);
    delete cached['globals'];
    commands[command.id] = cached;
  }
  return { commands, version: VERSION };
}

/** The file's text. */
export async function manifestText(root: string): Promise<string> {
  return `${JSON.stringify(await generateManifest(root), null, 1)}\n`;
}
