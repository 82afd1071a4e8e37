/**
 * Which words lead to which command: a static table, so that a start loads one command and nothing else. A command's
 * own words are its path under src/commands (`container run` is commands/container/run.ts); a test holds the table
 * against the files there. The same class serves every spelling.
 */
import type { CommandContext, ScullCommand } from './command.ts';

export interface CommandClass {
  new (argv: string[], context: CommandContext): ScullCommand;
  id: string;
  summary?: string;
  stopAtFirstWord: boolean;
}

type Loader = () => Promise<{ readonly default: CommandClass }>;

/** Own words → module. Keep sorted. */
export const COMMANDS: Readonly<Record<string, Loader>> = {
  'auto-update': () => import('../commands/auto-update.ts'),
  boot: () => import('../commands/boot.ts'),
  'boot install': () => import('../commands/boot/install.ts'),
  'boot stop': () => import('../commands/boot/stop.ts'),
  'boot uninstall': () => import('../commands/boot/uninstall.ts'),
  'builder cleanup': () => import('../commands/builder/cleanup.ts'),
  'builder prune': () => import('../commands/builder/prune.ts'),
  completion: () => import('../commands/completion.ts'),
  'container attach': () => import('../commands/container/attach.ts'),
  'container cleanup': () => import('../commands/container/cleanup.ts'),
  'container clone': () => import('../commands/container/clone.ts'),
  'container commit': () => import('../commands/container/commit.ts'),
  'container cp': () => import('../commands/container/cp.ts'),
  'container create': () => import('../commands/container/create.ts'),
  'container diff': () => import('../commands/container/diff.ts'),
  'container exec': () => import('../commands/container/exec.ts'),
  'container exists': () => import('../commands/container/exists.ts'),
  'container export': () => import('../commands/container/export.ts'),
  'container inspect': () => import('../commands/container/inspect.ts'),
  'container kill': () => import('../commands/container/kill.ts'),
  'container logs': () => import('../commands/container/logs.ts'),
  'container ls': () => import('../commands/container/ls.ts'),
  'container mount': () => import('../commands/container/mount.ts'),
  'container pause': () => import('../commands/container/pause.ts'),
  'container port': () => import('../commands/container/port.ts'),
  'container prune': () => import('../commands/container/prune.ts'),
  'container rename': () => import('../commands/container/rename.ts'),
  'container restart': () => import('../commands/container/restart.ts'),
  'container rm': () => import('../commands/container/rm.ts'),
  'container run': () => import('../commands/container/run.ts'),
  'container start': () => import('../commands/container/start.ts'),
  'container stats': () => import('../commands/container/stats.ts'),
  'container stop': () => import('../commands/container/stop.ts'),
  'container top': () => import('../commands/container/top.ts'),
  'container unmount': () => import('../commands/container/unmount.ts'),
  'container unpause': () => import('../commands/container/unpause.ts'),
  'container update': () => import('../commands/container/update.ts'),
  'container wait': () => import('../commands/container/wait.ts'),
  diff: () => import('../commands/diff.ts'),
  doctor: () => import('../commands/doctor.ts'),
  events: () => import('../commands/events.ts'),
  'generate systemd': () => import('../commands/generate/systemd.ts'),
  'healthcheck run': () => import('../commands/healthcheck/run.ts'),
  'image build': () => import('../commands/image/build.ts'),
  'image diff': () => import('../commands/image/diff.ts'),
  'image exists': () => import('../commands/image/exists.ts'),
  'image history': () => import('../commands/image/history.ts'),
  'image import': () => import('../commands/image/import.ts'),
  'image inspect': () => import('../commands/image/inspect.ts'),
  'image load': () => import('../commands/image/load.ts'),
  'image ls': () => import('../commands/image/ls.ts'),
  'image mount': () => import('../commands/image/mount.ts'),
  'image prune': () => import('../commands/image/prune.ts'),
  'image pull': () => import('../commands/image/pull.ts'),
  'image push': () => import('../commands/image/push.ts'),
  'image rm': () => import('../commands/image/rm.ts'),
  'image save': () => import('../commands/image/save.ts'),
  'image search': () => import('../commands/image/search.ts'),
  'image tag': () => import('../commands/image/tag.ts'),
  'image tree': () => import('../commands/image/tree.ts'),
  'image unmount': () => import('../commands/image/unmount.ts'),
  'image untag': () => import('../commands/image/untag.ts'),
  info: () => import('../commands/info.ts'),
  inspect: () => import('../commands/inspect.ts'),
  'kube down': () => import('../commands/kube/down.ts'),
  'kube generate': () => import('../commands/kube/generate.ts'),
  'kube play': () => import('../commands/kube/play.ts'),
  login: () => import('../commands/login.ts'),
  logout: () => import('../commands/logout.ts'),
  'manifest add': () => import('../commands/manifest/add.ts'),
  'manifest annotate': () => import('../commands/manifest/annotate.ts'),
  'manifest create': () => import('../commands/manifest/create.ts'),
  'manifest exists': () => import('../commands/manifest/exists.ts'),
  'manifest inspect': () => import('../commands/manifest/inspect.ts'),
  'manifest push': () => import('../commands/manifest/push.ts'),
  'manifest remove': () => import('../commands/manifest/remove.ts'),
  'manifest rm': () => import('../commands/manifest/rm.ts'),
  'network connect': () => import('../commands/network/connect.ts'),
  'network create': () => import('../commands/network/create.ts'),
  'network disconnect': () => import('../commands/network/disconnect.ts'),
  'network exists': () => import('../commands/network/exists.ts'),
  'network inspect': () => import('../commands/network/inspect.ts'),
  'network ls': () => import('../commands/network/ls.ts'),
  'network prune': () => import('../commands/network/prune.ts'),
  'network refresh': () => import('../commands/network/refresh.ts'),
  'network reload': () => import('../commands/network/reload.ts'),
  'network rm': () => import('../commands/network/rm.ts'),
  'pod clone': () => import('../commands/pod/clone.ts'),
  'pod create': () => import('../commands/pod/create.ts'),
  'pod exists': () => import('../commands/pod/exists.ts'),
  'pod inspect': () => import('../commands/pod/inspect.ts'),
  'pod kill': () => import('../commands/pod/kill.ts'),
  'pod logs': () => import('../commands/pod/logs.ts'),
  'pod ls': () => import('../commands/pod/ls.ts'),
  'pod pause': () => import('../commands/pod/pause.ts'),
  'pod prune': () => import('../commands/pod/prune.ts'),
  'pod restart': () => import('../commands/pod/restart.ts'),
  'pod rm': () => import('../commands/pod/rm.ts'),
  'pod start': () => import('../commands/pod/start.ts'),
  'pod stats': () => import('../commands/pod/stats.ts'),
  'pod stop': () => import('../commands/pod/stop.ts'),
  'pod top': () => import('../commands/pod/top.ts'),
  'pod unpause': () => import('../commands/pod/unpause.ts'),
  'secret create': () => import('../commands/secret/create.ts'),
  'secret exists': () => import('../commands/secret/exists.ts'),
  'secret inspect': () => import('../commands/secret/inspect.ts'),
  'secret ls': () => import('../commands/secret/ls.ts'),
  'secret rm': () => import('../commands/secret/rm.ts'),
  'system check': () => import('../commands/system/check.ts'),
  'system df': () => import('../commands/system/df.ts'),
  'system migrate': () => import('../commands/system/migrate.ts'),
  'system prune': () => import('../commands/system/prune.ts'),
  'system renumber': () => import('../commands/system/renumber.ts'),
  'system reset': () => import('../commands/system/reset.ts'),
  'unit check': () => import('../commands/unit/check.ts'),
  'unit diff': () => import('../commands/unit/diff.ts'),
  'unit generator': () => import('../commands/unit/generator.ts'),
  'unit install': () => import('../commands/unit/install.ts'),
  'unit ls': () => import('../commands/unit/ls.ts'),
  'unit print': () => import('../commands/unit/print.ts'),
  'unit rm': () => import('../commands/unit/rm.ts'),
  unshare: () => import('../commands/unshare.ts'),
  version: () => import('../commands/version.ts'),
  'volume create': () => import('../commands/volume/create.ts'),
  'volume exists': () => import('../commands/volume/exists.ts'),
  'volume export': () => import('../commands/volume/export.ts'),
  'volume import': () => import('../commands/volume/import.ts'),
  'volume inspect': () => import('../commands/volume/inspect.ts'),
  'volume ls': () => import('../commands/volume/ls.ts'),
  'volume mount': () => import('../commands/volume/mount.ts'),
  'volume prune': () => import('../commands/volume/prune.ts'),
  'volume rm': () => import('../commands/volume/rm.ts'),
  'volume unmount': () => import('../commands/volume/unmount.ts'),
};

/** Other spellings → own words. A spelling whose command is not in COMMANDS yet does not exist. */
export const ALIASES: Readonly<Record<string, string>> = {
  attach: 'container attach',
  commit: 'container commit',
  cp: 'container cp',
  create: 'container create',
  exec: 'container exec',
  export: 'container export',
  kill: 'container kill',
  logs: 'container logs',
  mount: 'container mount',
  pause: 'container pause',
  port: 'container port',
  ps: 'container ls',
  rename: 'container rename',
  restart: 'container restart',
  rm: 'container rm',
  run: 'container run',
  start: 'container start',
  stats: 'container stats',
  stop: 'container stop',
  top: 'container top',
  umount: 'container unmount',
  unmount: 'container unmount',
  unpause: 'container unpause',
  update: 'container update',
  wait: 'container wait',
  'container list': 'container ls',
  'container ps': 'container ls',
  'container remove': 'container rm',
  'container umount': 'container unmount',

  build: 'image build',
  'builder build': 'image build',
  'buildx build': 'image build',
  'buildx prune': 'builder prune',
  history: 'image history',
  images: 'image ls',
  import: 'image import',
  load: 'image load',
  pull: 'image pull',
  push: 'image push',
  rmi: 'image rm',
  save: 'image save',
  search: 'image search',
  tag: 'image tag',
  untag: 'image untag',
  'image list': 'image ls',
  'image remove': 'image rm',
  'image umount': 'image unmount',

  'generate kube': 'kube generate',
  'play kube': 'kube play',

  'pod list': 'pod ls',
  'pod ps': 'pod ls',
  'pod remove': 'pod rm',

  'secret list': 'secret ls',
  'secret remove': 'secret rm',

  'unit list': 'unit ls',
  'unit remove': 'unit rm',
  'network list': 'network ls',
  'network remove': 'network rm',

  'volume list': 'volume ls',
  'volume remove': 'volume rm',
  'volume umount': 'volume unmount',

  'system info': 'info',
  'system doctor': 'doctor',
  'system events': 'events',
  'system version': 'version',
  'system unshare': 'unshare',
};

export interface Found {
  /** Own words of the command. */
  readonly id: string;
  /** The words as typed. */
  readonly typed: string;
  readonly load: Loader;
  /** How many words were used. */
  readonly count: 1 | 2;
}

/** The command that the first one or two words name, the longer spelling first; undefined if there is none. */
export function findCommand(words: readonly string[]): Found | undefined {
  for (const count of [2, 1] as const) {
    if (words.length < count) continue;
    const typed = words.slice(0, count).join(' ');
    const id = Object.hasOwn(ALIASES, typed) ? (ALIASES[typed] as string) : typed;
    const load = Object.hasOwn(COMMANDS, id) ? COMMANDS[id] : undefined;
    if (load !== undefined) return { id, typed, load, count };
  }
  return undefined;
}

/** Every spelling of every command there is, e.g. `run` and `container run`. */
export function allSpellings(): string[] {
  return [...Object.keys(COMMANDS), ...Object.keys(ALIASES).filter((alias) => Object.hasOwn(COMMANDS, ALIASES[alias] as string))];
}

/** Nouns with commands below them: container, image, volume, system. */
export function nouns(): string[] {
  const found = new Set<string>();
  for (const spelling of allSpellings()) if (spelling.includes(' ')) found.add(spelling.slice(0, spelling.indexOf(' ')));
  return [...found].sort();
}
