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
  /** Not over before the exit code is there, or this monitor has ended without one. The portable one is over with the output. */
  readonly untilExitCode?: { readonly file: string; readonly monitor: number };
}
