/** `version`, `info` and `doctor`. */
import type { DoctorReport } from '../../engine/system/doctor.ts';
import type { SystemInfo } from '../../engine/system/info.ts';
import type { Component, VersionInfo } from '../../engine/system/version.ts';
import { escapeControl } from '../escape.ts';
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

const MARKS = { ok: '32', warning: '33', missing: '31' } as const;

/** One block per check: state, name and what was found; below it what will not work, and the one command that helps. */
export function presentDoctor(report: DoctorReport, options: { readonly colour: boolean; readonly json: boolean }): string {
  if (options.json) return renderJson(report, 2);
  const width = Math.max(0, ...report.checks.map(({ name }) => name.length)) + 2;
  const indent = ' '.repeat('warning'.length + 2 + width);
  let out = '';
  for (const check of report.checks) {
    const mark = check.status.padEnd('warning'.length);
    out += `${options.colour ? `\u001b[1;${MARKS[check.status]}m${mark}\u001b[0m` : mark}  ${check.name.padEnd(width)}${escapeControl(check.found)}\n`;
    if (check.consequence !== undefined) out += `${indent}${escapeControl(check.consequence)}\n`;
    if (check.fix !== undefined) out += `${indent}fix: ${options.colour ? `\u001b[1m${escapeControl(check.fix)}\u001b[0m` : escapeControl(check.fix)}\n`;
  }
  return `${out}\n${verdict(report)}\n`;
}

function verdict(report: DoctorReport): string {
  const count = (status: string): number => report.checks.filter((check) => check.status === status).length;
  const [missing, warnings] = [count('missing'), count('warning')];
  if (missing > 0) return `Containers can't run as they should: ${missing} of ${report.checks.length} checks failed.`;
  if (warnings > 0) return `Containers can run, with ${warnings === 1 ? 'one restriction' : `${warnings} restrictions`}.`;
  return 'Everything is as it should be.';
}
