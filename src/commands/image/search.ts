/** `scull search` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { parseFilters } from '../../cli/filters.ts';
import { registryChoices, registryFlags } from '../../cli/flags/registry.ts';

export default class ImageSearch extends ScullCommand {
  static override summary = 'Search registries for images';
  static override description =
    "TERM may begin with a registry; otherwise the search registries of registries.conf are asked, or Docker Hub. REGISTRY/ lists everything it has. Registries search in ways of their own, and some not at all.";
  static override args = { term: Args.string({ required: true, description: '[REGISTRY/]TERM; with --list-tags a repository' }) };
  static override flags = {
    filter: Flags.string({ char: 'f', description: 'Only what this fits: stars=N (at least), is-official=true, is-automated=false', helpValue: 'key=value', multiple: true }),
    format: Flags.string({ description: "json, or a Go template, e.g. '{{.Name}} {{.Stars}}'", helpValue: 'format' }),
    limit: Flags.integer({ description: 'Results of each registry (default 25)', helpValue: 'n', min: 0 }),
    'list-tags': Flags.boolean({ description: 'List the tags of a repository' }),
    'no-trunc': Flags.boolean({ description: 'Whole descriptions' }),
    compatible: Flags.boolean({ description: "Docker's columns too: stars, official, automated" }),
    ...registryFlags,
  };
  static override examples = [
    'scull search fedora',
    { description: 'Everything a registry of your own has', command: 'scull search registry.lan:5000/' },
    { description: 'Which versions are there?', command: 'scull search --list-tags --limit 100 quay.io/podman/stable' },
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ImageSearch);
    if (flags['list-tags'] && flags.filter !== undefined) this.usage('--list-tags and --filter cannot be used together');
    // As Podman has it, the question alone asks for yes.
    const asked = flags.filter?.map((filter) => (/^is-(?:official|automated)$/.test(filter) ? `${filter}=true` : filter));
    const filters = parseFilters(asked, ['stars', 'is-official', 'is-automated']);
    const stars = filters['stars']?.map(Number);
    if (stars?.some((number) => !Number.isInteger(number)) === true) this.usage('invalid filter: stars is a whole number');
    // 0 means the default, as Podman has it.
    const options = { ...(await registryChoices(flags)), limit: flags.limit === 0 ? undefined : flags.limit, stars: stars?.at(-1), official: this.truth(filters, 'is-official'), automated: this.truth(filters, 'is-automated') };
    const { search, searchTags } = await import('../../engine/registries/search.ts');
    const { presentSearch } = await import('../../cli/present/search.ts');
    const engine = await this.engine();
    const results = flags['list-tags'] ? await searchTags(engine, args.term, options) : await search(engine, args.term, options);
    this.print(await presentSearch(results, { format: flags.format, noTrunc: flags['no-trunc'], compatible: flags.compatible, tags: flags['list-tags'] }));
  }

  private truth(filters: Readonly<Record<string, readonly string[]>>, key: string): boolean | undefined {
    const value = filters[key]?.at(-1);
    if (value === undefined) return undefined;
    if (value !== 'true' && value !== 'false') this.usage(`invalid filter: ${key} is true or false`);
    return value === 'true';
  }
}
