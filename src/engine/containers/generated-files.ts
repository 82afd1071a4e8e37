/** Files of ours that a container sees in place of its image's. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { explainWriteFailure, writeIfDifferent } from '../../host/files.ts';
import type { NetworkPlan } from '../../network/plan.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import type { GeneratedFile } from '../../runtime/oci-spec/input.ts';
import { readZone } from '../../runtime/timezone.ts';
import type { ContainerPaths } from '../../storage/layout.ts';
import type { ImageUsers } from './image-users.ts';
import type { SharedNamespaces } from './shared-namespaces.ts';

export interface FileFacts {
  readonly network: NetworkPlan;
  readonly shared: SharedNamespaces;
  readonly users: ImageUsers;
}

/** Writes them; a mount of the user in the same place wins. @throws ScullError NO_SPACE, PERMISSION */
export function generatedFiles(record: ContainerRecord, paths: ContainerPaths, facts: FileFacts): GeneratedFile[] {
  try {
    return writeFiles(record, paths, facts);
  } catch (error) {
    throw explainWriteFailure(error, paths.directory);
  }
}

function writeFiles(record: ContainerRecord, paths: ContainerPaths, { network, shared, users }: FileFacts): GeneratedFile[] {
  const { mounts } = record.config;
  const files: GeneratedFile[] = [];
  const covered = (target: string, folder = '/etc'): boolean => mounts.some((mount) => mount.target === target || mount.target === folder);
  const add = (target: string, source: string, content: string | Buffer | undefined): void => {
    if (content === undefined || covered(target)) return;
    writeIfDifferent(source, content, { mode: 0o644 });
    files.push({ source, target });
  };
  add('/etc/resolv.conf', paths.resolvConf, network.resolvConf);
  add('/etc/hosts', paths.hosts, network.hosts);
  add('/etc/hostname', paths.hostname, network.hostnameFile);
  for (const file of shared.files) if (!covered(file.target)) files.push(file);
  if (record.spec.timezone !== undefined) add('/etc/localtime', paths.localtime, readZone(record.spec.timezone));
  if (record.image === undefined) {
    const { passwd, group } = users.entries;
    add('/etc/passwd', paths.passwd, passwd === undefined ? undefined : users.passwd + passwd);
    add('/etc/group', paths.group, group === undefined ? undefined : users.group + group);
  }
  // By this file programs tell that they are in a container. A /run of the user's own is left as it is, unless it starts empty.
  if (!mounts.some((mount) => mount.target === '/run/.containerenv' || (mount.target === '/run' && mount.type !== 'tmpfs'))) {
    mkdirSync(paths.bundle, { recursive: true, mode: 0o700 });
    writeFileSync(paths.containerEnvironment, '', { mode: 0o444, flag: 'a' });
    files.push({ source: paths.containerEnvironment, target: '/run/.containerenv' });
  }
  return files;
}
