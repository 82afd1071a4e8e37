/** `.pod` → a service that makes the pod, starts and stops it: podman-pod.unit(5). */
import type { Conversion } from './conversion.ts';

/** @param members services of the containers that start with the pod */
export function convertPod(unit: Conversion, members: readonly string[]): void {
  const { resource: name } = unit.source;
  for (const member of members) {
    unit.add('Unit', 'Wants', member);
    unit.add('Unit', 'Before', member);
  }
  unit.addDefault('Service', 'SyslogIdentifier', '%N');
  const create = ['pod', 'create', '--infra-conmon-pidfile=%t/%N.pid', '--replace', '--exit-policy', unit.last('ExitPolicy')?.value ?? 'stop'];
  create.push(...unit.flags(), ...unit.networks(), ...unit.remapped(), ...unit.volumes(), '--infra-name', `${name}-infra`, '--name', name, ...unit.podmanArgs());
  unit.command('ExecStartPre', create);
  unit.command('ExecStart', ['pod', 'start', name]);
  unit.command('ExecStop', ['pod', 'stop', '--ignore', `--time=${unit.last('StopTimeout')?.value ?? '10'}`, name]);
  unit.command('ExecStopPost', ['pod', 'rm', '--ignore', '--force', name]);
  unit.add('Service', 'Environment', 'PODMAN_SYSTEMD_UNIT=%n');
  unit.add('Service', 'Type', 'forking');
  unit.add('Service', 'PIDFile', '%t/%N.pid');
  unit.addDefault('Service', 'Restart', 'on-failure');
}
