/** Which of our own streams are to be connected with a container's, and how. */
import type { ContainerPaths } from '../storage/layout.ts';

export interface AttachRequest {
  readonly paths: ContainerPaths;
  /** The container has a terminal. */
  readonly terminal: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Bytes that detach, empty for none; see parseDetachKeys in attach.ts. */
  readonly detachKeys: readonly number[];
  /** Milliseconds to wait for a monitor that is being started. */
  readonly patience?: number;
}
