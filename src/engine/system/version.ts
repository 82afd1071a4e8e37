/** What `scull version` tells. */
import { arch, platform } from 'node:os';
import { isCompiled } from '../../host/product.ts';
import { findTool, toolVersion } from '../../host/tools.ts';
import type { ToolName } from '../../host/remedies.ts';
import { VERSION } from '../../host/version.ts';

export interface VersionInfo {
  readonly Client: {
    readonly Version: string;
    /** What runs the JavaScript: `bun 1.4.5` in the single-file executable, `node 24.1.0` for the npm package. */
    readonly Runtime: string;
    /** `executable` or `npm`. */
    readonly Product: string;
    readonly Os: string;
    readonly OsArch: string;
  };
  /** Filled by {@link componentVersions}: there is no server. */
  readonly Components?: readonly Component[];
}

export interface Component {
  readonly Name: string;
  readonly Version: string;
  readonly Path: string;
}

/** Costs nothing: no program is started. */
export function versionInfo(): VersionInfo {
  const bun = process.versions['bun'];
  return {
    Client: {
      Version: VERSION,
      Runtime: bun === undefined ? `node ${process.versions.node}` : `bun ${bun}`,
      Product: isCompiled() ? 'executable' : 'npm',
      Os: platform(),
      OsArch: `${platform()}/${goArchitecture()}`,
    },
  };
}

const COMPONENTS: readonly ToolName[] = ['crun', 'conmon', 'pasta', 'fuse-overlayfs'];

/** The programs containers are run with, those that are installed: each is asked for its version. */
export async function componentVersions(): Promise<Component[]> {
  const found = await Promise.all(
    COMPONENTS.map(async (name): Promise<Component | undefined> => {
      const tool = findTool(name);
      if (tool === undefined) return undefined;
      return { Name: name, Version: (await toolVersion(tool)).version ?? 'unknown', Path: tool.path };
    }),
  );
  return found.filter((component) => component !== undefined);
}

/** The processor as OCI and Go name it. */
export function goArchitecture(): string {
  const name = arch();
  const names: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', arm64: 'arm64', arm: 'arm', ppc64: 'ppc64le', s390x: 's390x', riscv64: 'riscv64', loong64: 'loong64' };
  return names[name] ?? name;
}
