/** `version` and `info`. */
import type { SystemInfo } from '../../engine/system/info.ts';
import type { Component, VersionInfo } from '../../engine/system/version.ts';
import { isJsonFormat, renderJson, renderObject } from './format.ts';
import { renderTable } from './table.ts';
import { renderYaml } from './yaml.ts';

type Version = VersionInfo['Client'];

/** Text for standard output. @throws ScullError INVALID for a bad template */
export function presentVersion(client: Version, components: readonly Component[], format?: string): string {
  if (isJsonFormat(format)) return renderJson({ Client: client, Components: components }, 2);
  // There is no server, but scripts written for Docker ask for its version.
  if (format !== undefined) return renderObject({ ...client, Client: client, Server: client, Components: components }, format);
  return renderTable(
    [
      ['Client:', 'scull'],
      ['Version:', client.Version],
      ['Runtime:', `${client.Runtime} (${client.Product})`],
      ['OS/Arch:', client.OsArch],
      ...components.map((component) => [`${component.Name}:`, `${component.Version} (${component.Path})`]),
    ],
    { minWidth: 14 },
  );
}

/** YAML as Podman prints it, JSON, or a template. @throws ScullError INVALID for a bad template */
export function presentInfo(info: SystemInfo, format?: string): string {
  if (format === undefined || format === '') return renderYaml(info);
  if (isJsonFormat(format)) return renderJson(info, 2);
  return renderObject({ ...dockerInfo(info), ...info, host: { ...info.host, cgroupsVersion: info.host.cgroupVersion } }, format);
}

/** The names by which `docker info --format` knows the same things. */
function dockerInfo({ host, store, version }: SystemInfo): object {
  return {
    Architecture: host.arch,
    CgroupDriver: host.cgroupManager,
    CgroupVersion: host.cgroupVersion.replace(/^v/, ''),
    Containers: store.containerStore.number,
    ContainersPaused: store.containerStore.paused,
    ContainersRunning: store.containerStore.running,
    ContainersStopped: store.containerStore.stopped,
    DefaultRuntime: host.ociRuntime?.name ?? '',
    DockerRootDir: store.graphRoot,
    Driver: store.graphDriverName,
    Images: store.imageStore.number,
    KernelVersion: host.kernel,
    LoggingDriver: host.logDriver,
    MemTotal: host.memTotal,
    NCPU: host.cpus,
    Name: host.hostname,
    OSType: host.os,
    OperatingSystem: `${host.distribution.distribution} ${host.distribution.version}`,
    SecurityOptions: [...(host.security.seccompEnabled ? ['name=seccomp,profile=default'] : []), ...(host.security.rootless ? ['name=rootless'] : [])],
    ServerVersion: version.Version,
  };
}
