/** Platforms as in the OCI image-index specification, section "platform". */
import { ScullError } from '../host/errors.ts';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly 'os.version'?: string;
  readonly 'os.features'?: readonly string[];
  /** Of the processor; Docker's lists have it. */
  readonly features?: readonly string[];
}

/** What people write and kernels say → GOARCH names used by images. */
const ARCHITECTURE_ALIASES: Readonly<Record<string, { architecture: string; variant?: string }>> = {
  x86_64: { architecture: 'amd64' },
  'x86-64': { architecture: 'amd64' },
  x64: { architecture: 'amd64' },
  aarch64: { architecture: 'arm64' },
  armhf: { architecture: 'arm', variant: 'v7' },
  armel: { architecture: 'arm', variant: 'v6' },
  i386: { architecture: '386' },
  i686: { architecture: '386' },
  ia32: { architecture: '386' },
};

export function normalizePlatform(platform: Platform): Platform {
  const alias = ARCHITECTURE_ALIASES[platform.architecture.toLowerCase()];
  const architecture = alias?.architecture ?? platform.architecture.toLowerCase();
  let variant = platform.variant?.toLowerCase() ?? alias?.variant;
  if (architecture === 'arm64' && (variant === 'v8' || variant === '8')) variant = undefined;
  if (architecture === 'arm' && variant !== undefined && /^\d$/.test(variant)) variant = `v${variant}`;
  return variant === undefined
    ? { os: platform.os.toLowerCase(), architecture }
    : { os: platform.os.toLowerCase(), architecture, variant };
}

/** The platform of this machine, e.g. linux/amd64. */
export function hostPlatform(): Platform {
  return normalizePlatform({ os: 'linux', architecture: process.arch });
}

/** What a word alone can be: Go's names, of which images make use. */
const SYSTEMS = ['linux', 'windows', 'darwin', 'freebsd', 'wasip1'];
const ARCHITECTURES = ['386', 'amd64', 'arm', 'arm64', 'loong64', 'mips', 'mipsle', 'mips64', 'mips64le', 'ppc64', 'ppc64le', 'riscv64', 's390x', 'wasm'];

/**
 * Parses `os/arch[/variant]`, `arch` alone meaning linux/arch and `os` alone this machine's architecture, as docker's --platform.
 * @throws ScullError INVALID
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split('/');
  if (parts.length > 3 || parts.some((part) => !/^[A-Za-z0-9_.-]+$/.test(part))) {
    throw new ScullError('INVALID', `invalid platform ${JSON.stringify(text)}: expected os/arch[/variant], for example linux/amd64`);
  }
  const [first, second, variant] = parts as [string, string?, string?];
  if (second === undefined) {
    if (SYSTEMS.includes(first.toLowerCase())) return { ...hostPlatform(), os: first.toLowerCase() };
    const platform = normalizePlatform({ os: 'linux', architecture: first });
    if (ARCHITECTURES.includes(platform.architecture)) return platform;
    throw new ScullError('INVALID', `invalid platform ${JSON.stringify(text)}: it is neither an operating system nor an architecture`, { hint: 'it is os/arch[/variant], for example linux/amd64' });
  }
  return normalizePlatform(variant === undefined ? { os: first, architecture: second } : { os: first, architecture: second, variant });
}

export function formatPlatform(platform: Platform): string {
  const base = `${platform.os}/${platform.architecture}`;
  return platform.variant === undefined ? base : `${base}/${platform.variant}`;
}

/** True when an image for `have` runs where `want` is asked for. No variant asked for means any. */
export function platformMatches(have: Platform, want: Platform): boolean {
  const a = normalizePlatform(have);
  const b = normalizePlatform(want);
  return a.os === b.os && a.architecture === b.architecture && (b.variant === undefined || a.variant === undefined || a.variant === b.variant);
}

/**
 * The best of `candidates` for `want`: the same variant, else none, else the nearest lower one (an armv7 machine runs
 * v6 and v5); where no variant is asked for, any. Undefined when none fits.
 */
export function choosePlatform<T extends { readonly platform?: Platform }>(candidates: readonly T[], want: Platform): T | undefined {
  const goal = normalizePlatform(want);
  let best: T | undefined;
  let bestRank = Infinity;
  for (const candidate of candidates) {
    const rank = candidate.platform === undefined ? Infinity : platformRank(normalizePlatform(candidate.platform), goal);
    if (rank < bestRank) {
      best = candidate;
      bestRank = rank;
    }
  }
  return best;
}

/** 0 is perfect, Infinity is unfit. */
function platformRank(have: Platform, want: Platform): number {
  if (have.os !== want.os || have.architecture !== want.architecture) return Infinity;
  if (have.variant === want.variant) return 0;
  if (have.variant === undefined) return 1;
  const level = variantLevel(have.variant);
  // Asked for nothing in particular: the lowest variant runs on most machines, except that every arm board of today is a v7.
  if (want.variant === undefined) return 2 + (have.architecture === 'arm' ? Math.abs(7 - level) : level);
  const distance = variantLevel(want.variant) - level;
  return distance > 0 ? 2 + distance : Infinity;
}

function variantLevel(variant: string): number {
  const match = /^v([0-9]{1,3})/.exec(variant);
  return match === null ? 500 : Number(match[1]);
}
