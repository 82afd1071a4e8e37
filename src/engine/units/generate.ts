/** Units for containers that are there. */
import { ScullError } from '../../host/errors.ts';
import { selfCommand } from '../../host/self.ts';
import { findContainer } from '../../runtime/container-store.ts';
import { generateUnit, type GenerateOptions } from '../../systemd/generate.ts';
import type { Engine } from '../engine.ts';

/** @throws ScullError NO_SUCH_CONTAINER; UNSUPPORTED where --new needs a command that is not known */
export function generateSystemd(engine: Engine, nameOrId: string, options: GenerateOptions): { readonly name: string; readonly text: string } {
  const record = findContainer(engine.store.layout, nameOrId);
  if (options.new && record.createCommand === undefined) {
    throw new ScullError('UNSUPPORTED', `--new: how container ${record.name} was made is not known`, { hint: 'leave --new out, or make the container again' });
  }
  if (options.template && !options.new) throw new ScullError('USAGE', '--template needs --new: instances are containers of their own');
  const { file, args } = selfCommand();
  return generateUnit({ id: record.id, name: record.name, stopTimeout: record.config.stopTimeout, createCommand: record.createCommand }, options, [file, ...args]);
}
