/** --preserve-fd and --preserve-fds: which of our open files the command gets too. */
import { ScullError } from '../../host/errors.ts';
import { integer, list } from './declare.ts';

export const preserveFlags = {
  'preserve-fds': integer('process', 'Pass this many file descriptors from 3 on to the command', { min: 0, max: 60 }),
  'preserve-fd': list('process', 'fd[,fd…]', 'Pass these file descriptors on to the command', { exclusive: ['preserve-fds'] }),
};

/** Their numbers. @throws ScullError USAGE */
export function preservedDescriptors(flags: { readonly 'preserve-fds'?: number | undefined; readonly 'preserve-fd'?: readonly string[] | undefined }): readonly number[] {
  const words = flags['preserve-fd']?.flatMap((text) => text.split(','));
  return words?.map(descriptor) ?? Array.from({ length: flags['preserve-fds'] ?? 0 }, (_, index) => index + 3);
}

function descriptor(word: string): number {
  if (/^\d{1,2}$/.test(word) && Number(word) > 2 && Number(word) < 63) return Number(word);
  throw new ScullError('USAGE', `invalid --preserve-fd ${JSON.stringify(word)}: it is a number from 3 to 62`);
}
