/** --latest: the container that was created last, in the place of a name. {@link ScullCommand.parse} puts it there. */
import * as Flags from '@oclif/core/flags';

export const latestFlag = Flags.boolean({ char: 'l', description: 'The container created last, instead of a name', exclusive: ['all', 'filter', 'cidfile'] });
