/** Records of containers as create writes them, for tests that need some to be there. */
import { CONTAINER_FORMAT, type ContainerRecord } from '../../src/runtime/container-record.ts';
import { EMPTY_CONTAINER_SPEC } from '../../src/spec/container-spec.ts';

/** A container of no image that does nothing. */
export function emptyRecord(id: string, name: string, config: Partial<ContainerRecord['config']> = {}): ContainerRecord {
  return {
    format: CONTAINER_FORMAT,
    id,
    name,
    created: '2024-01-02T03:04:05.678Z',
    spec: EMPTY_CONTAINER_SPEC,
    config: {
      args: ['true'], entrypoint: [], command: ['true'], env: [], workdir: '/', user: '', hostname: '', labels: {}, annotations: {}, stopSignal: 'SIGTERM', stopTimeout: 10,
      exposedPorts: [], networkMode: { mode: 'none' }, ports: [], mounts: [], ...config,
    },
  };
}
