/** --hosts-file: what a container's /etc/hosts begins from in place of the host's own. */
import { readFileSync } from 'node:fs';
import { describeErrno } from '../../host/errno.ts';
import { ScullError } from '../../host/errors.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { rootDirectories } from '../../runtime/root-file-system.ts';
import { readRootfsFile } from '../../runtime/rootfs-file.ts';
import type { StoreLayout } from '../../storage/layout.ts';

/**
 * @param from `none`, `image`, or a path of the host
 * @throws ScullError NOT_FOUND for a file that cannot be read
 */
export function hostsFileText(layout: StoreLayout, record: ContainerRecord, from: string): string {
  if (from === 'none') return '';
  if (from === 'image') return readRootfsFile(rootDirectories(layout, record), '/etc/hosts') ?? '';
  try {
    return readFileSync(from, 'utf8');
  } catch (cause) {
    throw new ScullError('NOT_FOUND', `cannot read the --hosts-file ${JSON.stringify(from)}: ${describeErrno(cause)}`, { cause });
  }
}
