/** port: docker-port(1). */
import { findContainer } from '../../runtime/container-store.ts';
import type { PortRequest } from '../../spec/container-spec.ts';
import type { Engine } from '../engine.ts';

/** Published ports, host ports as chosen. */
export function portsOf(engine: Engine, nameOrId: string): readonly PortRequest[] {
  return findContainer(engine.store.layout, nameOrId).config.ports;
}
