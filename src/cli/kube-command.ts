/** What `kube play` and `kube down` have in common: files of documents, and what is said of what goes. */
import * as Args from '@oclif/core/args';
import type { DownReport } from '../engine/kube/down.ts';
import type { ScullError } from '../host/errors.ts';
import type { KubeDocuments } from '../kube/documents.ts';
import { ScullCommand } from './command.ts';

export const kubeArgs = { file: Args.string({ required: true, multiple: true, description: 'YAML files or http(s) addresses; - for standard input' }) };

export abstract class KubeCommand extends ScullCommand {
  /** Reads the files as one; what will not be done of them is said. */
  protected async documents(paths: readonly string[], annotations: Readonly<Record<string, string>> = {}): Promise<{ readonly hash: string; readonly documents: KubeDocuments }> {
    const [{ readKubeSource }, { readDocuments }, { inputStream }] = await Promise.all([import('../engine/kube/source.ts'), import('../kube/documents.ts'), import('./input.ts')]);
    const { hash, values } = await readKubeSource(paths, inputStream);
    return { hash, documents: readDocuments(values, annotations) };
  }

  /** Podman's four lists. @returns the exit status */
  protected async tellDown(report: DownReport): Promise<number> {
    let status = 0;
    const tell = async (title: string, outcomes: readonly { readonly name: string; readonly id?: string; readonly error?: ScullError }[]): Promise<void> => {
      this.printLine(`${title}:`);
      for (const { name, id, error } of outcomes) {
        if (error === undefined) this.printLine(id ?? name);
        else status = await this.report(error);
      }
    };
    await tell('Pods stopped', report.stopped);
    await tell('Pods removed', report.removed);
    await tell('Secrets removed', report.secrets);
    await tell('Volumes removed', report.volumes);
    return status;
  }
}
