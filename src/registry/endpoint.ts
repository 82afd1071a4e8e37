/**
 * Where a registry's protocol is spoken: its address, whether plain http will do, and which certificates count.
 *
 * TLS with verified certificates is the rule. Two exceptions: the user says otherwise (`--tls-verify=false`, or `insecure`
 * in registries.conf), and a registry on this very machine (localhost, 127.0.0.0/8, ::1), which may speak plain http when it
 * speaks no TLS. There is never a fall-back to http for anything else (CVE-2014-5277).
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { containersConfig, extraCertificateFile, systemCertificateFiles } from '../host/containers-config.ts';
import { errnoOf, ScullError } from '../host/errors.ts';
import { readTextIfPresent } from '../host/files.ts';
import { isLoopbackHost } from '../host/proxy.ts';
import { DOCKER_HUB } from '../oci/reference.ts';
import type { TlsSettings } from './transport.ts';

export interface Endpoint {
  /** Name as in references. */
  readonly registry: string;
  /** Host with port as dialled. */
  readonly host: string;
  /** Addresses to try, in this order; the second is there only where plain http is allowed. */
  readonly bases: readonly [URL, URL?];
  readonly tls: TlsSettings;
}

export interface EndpointOptions {
  /** True insists on TLS, false goes without its checks and without TLS where there is none; undefined is the rule above. */
  readonly tlsVerify?: boolean | undefined;
  /** Folder with *.crt, *.cert and *.key to use instead of certs.d. */
  readonly certificateDirectory?: string | undefined;
}

/** @throws ScullError NOT_FOUND, INVALID for certificates that can't be read */
export function endpointOf(registry: string, options: EndpointOptions = {}): Endpoint {
  const host = registry === DOCKER_HUB ? 'registry-1.docker.io' : registry;
  const secure = new URL(`https://${host}/`);
  const plain = new URL(`http://${host}/`);
  return { registry, host, bases: basesOf(secure, plain, options), tls: tlsSettings(registry, host, options) };
}

function basesOf(secure: URL, plain: URL, options: EndpointOptions): readonly [URL, URL?] {
  const here = isLoopbackHost(secure.hostname);
  if (options.tlsVerify === true || (options.tlsVerify === undefined && !here)) return [secure];
  // Here with a port: both addresses are the same server, nobody listens on the way, and plain http is what it nearly always speaks.
  return here && secure.port !== '' ? [plain, secure] : [secure, plain];
}

function tlsSettings(registry: string, host: string, options: EndpointOptions): TlsSettings {
  const own = hostCertificates(registry, options.certificateDirectory);
  const identity = own.clientCertificate === undefined ? {} : { clientCertificate: own.clientCertificate, clientKey: own.clientKey, clientHost: host };
  if (options.tlsVerify === false) return { verify: false, ...identity };
  const authorities = [...systemCertificates(), ...own.authorities];
  return authorities.length === 0 ? { verify: true, ...identity } : { verify: true, authorities, ...identity };
}

/**
 * What this system trusts, rather than the list built into the runtime: a company's own authority is installed there,
 * and a withdrawn one removed. Empty where no list is found, which leaves the runtime's.
 */
function systemCertificates(): readonly string[] {
  for (const file of systemCertificateFiles()) {
    const text = readTextIfPresent(file);
    if (text === undefined) continue;
    const extra = extraCertificateFile();
    const more = extra === undefined ? undefined : readTextIfPresent(extra);
    return more === undefined ? [text] : [text, more];
  }
  return [];
}

interface HostCertificates {
  readonly authorities: readonly string[];
  readonly clientCertificate?: string;
  readonly clientKey?: string;
}

/** containers-certs.d(5): *.crt are authorities, NAME.cert with NAME.key shows who we are. The first folder found counts. */
function hostCertificates(registry: string, directory: string | undefined): HostCertificates {
  const config = containersConfig();
  const folders = directory === undefined ? [join(config.userFolder, 'certs.d', registry), join(config.systemFolder, 'certs.d', registry), join('/etc/docker/certs.d', registry)] : [directory];
  for (const folder of folders) {
    const names = namesIn(folder, directory !== undefined);
    if (names === undefined) continue;
    const authorities = names.filter((name) => name.endsWith('.crt')).map((name) => readCertificate(join(folder, name)));
    const client = names.find((name) => name.endsWith('.cert'));
    if (client === undefined) return { authorities };
    const key = `${client.slice(0, -'.cert'.length)}.key`;
    if (!names.includes(key)) throw new ScullError('NOT_FOUND', `the certificate ${join(folder, client)} has no key beside it, ${key}`);
    return { authorities, clientCertificate: readCertificate(join(folder, client)), clientKey: readCertificate(join(folder, key)) };
  }
  return { authorities: [] };
}

function namesIn(folder: string, required: boolean): readonly string[] | undefined {
  try {
    return readdirSync(folder).sort();
  } catch (cause) {
    const missing = errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR';
    if (missing && !required) return undefined;
    throw new ScullError(missing ? 'NOT_FOUND' : 'PERMISSION', `cannot read the certificates in ${folder}: ${(cause as Error).message}`, { cause });
  }
}

function readCertificate(path: string): string {
  let text: string | undefined;
  try {
    text = readTextIfPresent(path);
  } catch (cause) {
    throw new ScullError('PERMISSION', `cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
  if (text === undefined || !text.includes('-----BEGIN ')) throw new ScullError('INVALID', `${path} is not a certificate or key in PEM form`);
  return text;
}
