/** The commands' description as the build wrote it (oclif.manifest.json): it spares help and completion loading every command. */

export interface ManifestFlag {
  readonly name: string;
  readonly type: 'boolean' | 'option';
  readonly char?: string;
  readonly aliases?: readonly string[];
  readonly charAliases?: readonly string[];
  readonly description?: string;
  readonly helpGroup?: string;
  readonly helpValue?: string;
  readonly hidden?: boolean;
  readonly multiple?: boolean;
  readonly options?: readonly string[];
  readonly allowNo?: boolean;
}

export interface ManifestCommand {
  readonly id: string;
  readonly summary?: string;
  readonly description?: string;
  readonly hidden?: boolean;
  readonly aliases: readonly string[];
  readonly flags: Readonly<Record<string, ManifestFlag>>;
  readonly args: Readonly<Record<string, { readonly name: string; readonly multiple?: boolean; readonly required?: boolean; readonly options?: readonly string[] }>>;
  readonly strict?: boolean;
  readonly stopAtFirstWord?: boolean;
  readonly usage?: string | readonly string[];
}

/** Own words (`container run`) → description. */
export async function readManifest(): Promise<ReadonlyMap<string, ManifestCommand>> {
  const { default: manifest } = await import('../../oclif.manifest.json', { with: { type: 'json' } });
  const commands = manifest.commands as unknown as Readonly<Record<string, ManifestCommand>>;
  return new Map(Object.entries(commands).map(([id, command]) => [id.replaceAll(':', ' '), command]));
}
