/** The users of a container: what its image and its past say, and who has to be made known to it. */
import { environmentVariable } from '../../host/environment.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { containerUsers, type ContainerUsers } from '../../runtime/container-users.ts';
import { rootDirectories } from '../../runtime/root-file-system.ts';
import { readRootfsFile } from '../../runtime/rootfs-file.ts';
import type { StoreLayout } from '../../storage/layout.ts';
import { userName } from '../../userns/id-maps.ts';
import { hostUser } from './host-user.ts';
import type { LaunchStep } from '../../userns/launch-request.ts';

export interface ImageUsers extends ContainerUsers {
  /** Contents of the container's /etc/passwd and /etc/group as they are. */
  readonly passwd: string;
  readonly group: string;
}

/** @throws ScullError INVALID for users and groups that the image does not know */
export function imageUsers(layout: StoreLayout, record: ContainerRecord): ImageUsers {
  const directories = rootDirectories(layout, record);
  const passwd = readRootfsFile(directories, '/etc/passwd') ?? '';
  const group = readRootfsFile(directories, '/etc/group') ?? '';
  const users = containerUsers(record.spec, record.config, {
    callerUid: process.getuid?.() ?? 0,
    callerGid: process.getgid?.() ?? 0,
    callerName: record.spec.namespaces.user.mode === 'keep-id' ? userName() : '',
    callerHome: environmentVariable('HOME'),
    hostUsers: (record.spec.hostUsers ?? []).map(hostUser),
    passwd,
    group,
  });
  return { ...users, passwd, group };
}

/**
 * Entries are added to the files themselves, as Podman does: files bound over them could not be replaced by `useradd`.
 * A plain root (--rootfs) is the user's own and not changed; it gets bound files.
 */
export function entrySteps(record: ContainerRecord, root: string, { entries }: ContainerUsers): LaunchStep[] {
  const covered = (path: string): boolean => record.config.mounts.some(({ target }) => target === path || target === '/etc');
  const step = (path: string, text: string | undefined): LaunchStep[] => (text === undefined || covered(path) ? [] : [{ kind: 'append', root, path, text }]);
  return record.image === undefined ? [] : [...step('/etc/passwd', entries.passwd), ...step('/etc/group', entries.group)];
}
