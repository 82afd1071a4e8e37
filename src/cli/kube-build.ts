/** Images that `kube play` builds on the way: podman-kube-play(1), --build. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { imageExists } from '../engine/images/find.ts';
import type { KubeDocuments } from '../kube/documents.ts';
import { runBuild, type BuildCommand } from './build-command.ts';

export interface KubeBuilds extends Pick<BuildCommand, 'engine' | 'registry' | 'terminalOutput'> {
  /** The files of the command line: folders of contexts are beside the first. */
  readonly files: readonly string[];
  /** --context-dir */
  readonly context?: string | undefined;
  /** --build: true also builds what is here already, false nothing. */
  readonly build?: boolean | undefined;
  readonly quiet: boolean;
}

/**
 * Builds each image that a folder of its name (without registry and tag) has a Containerfile for.
 * @returns them; undefined where a command of one failed, which has been told by then
 */
export async function buildKubeImages({ pods }: KubeDocuments, { files: [file = '-'], context, build, quiet, ...command }: KubeBuilds): Promise<ReadonlySet<string> | undefined> {
  const built = new Set<string>();
  if (build === false) return built;
  const folder = context ?? (file === '-' || /^https?:\/\//.test(file) ? '.' : dirname(file));
  for (const image of new Set(pods.flatMap(({ initContainers, containers }) => [...initContainers, ...containers].map((each) => each.image)))) {
    const own = join(folder, lastName(image));
    if (!['Containerfile', 'Dockerfile'].some((name) => existsSync(join(own, name)))) continue;
    if (build !== true && (await imageExists(command.engine, image))) continue;
    const failed = (await runBuild({ ...command, context: own, flags: { tag: [image], quiet }, tokens: [], terminalInput: true, print: () => undefined })) !== 0;
    if (failed) return undefined;
    built.add(image);
  }
  return built;
}

/** Of `quay.io/me/web:1.2@sha256:…`: web. */
function lastName(image: string): string {
  return (image.split('@', 1)[0] as string).replace(/:[^/:]*$/, '').split('/').at(-1) as string;
}
