/**
 * Where the tools of the containers family (Podman, Buildah, Skopeo) and Docker keep the configuration that scull reads
 * as well: registries.conf(5), certs.d(5), auth.json(5), Docker's config.json. Only paths; reading is the readers' part.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

export interface ContainersConfig {
  /** The user's own, $XDG_CONFIG_HOME/containers. */
  readonly userFolder: string;
  readonly systemFolder: string;
  /** $DOCKER_CONFIG, ~/.docker. */
  readonly dockerFolder: string;
  /** $REGISTRY_AUTH_FILE, where set. */
  readonly authFile: string | undefined;
  /** $XDG_RUNTIME_DIR/containers/auth.json, where Podman writes by default. */
  readonly runtimeAuthFile: string | undefined;
  /** $CONTAINERS_REGISTRIES_CONF, where set: it replaces the user's and the system's file. */
  readonly registriesConf: string | undefined;
}

export function containersConfig(environment: Environment = process.env): ContainersConfig {
  const configHome = absolute(environment['XDG_CONFIG_HOME']) ?? join(homedir(), '.config');
  const runtime = absolute(environment['XDG_RUNTIME_DIR']);
  return {
    userFolder: join(configHome, 'containers'),
    systemFolder: '/etc/containers',
    dockerFolder: given(environment['DOCKER_CONFIG']) ?? join(homedir(), '.docker'),
    authFile: given(environment['REGISTRY_AUTH_FILE']),
    runtimeAuthFile: runtime === undefined ? undefined : join(runtime, 'containers', 'auth.json'),
    registriesConf: given(environment['CONTAINERS_REGISTRIES_CONF']) ?? given(environment['REGISTRIES_CONFIG_PATH']),
  };
}

/** Files that may hold the certificates this system trusts, as one PEM bundle, best first. */
export function systemCertificateFiles(environment: Environment = process.env): readonly string[] {
  const own = given(environment['SSL_CERT_FILE']);
  const known = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/ca-bundle.pem', '/etc/ssl/cert.pem'];
  return own === undefined ? known : [own, ...known];
}

/** A PEM file that the caller has told Node to trust besides, $NODE_EXTRA_CA_CERTS. */
export function extraCertificateFile(environment: Environment = process.env): string | undefined {
  return given(environment['NODE_EXTRA_CA_CERTS']);
}

function absolute(path: string | undefined): string | undefined {
  return path?.startsWith('/') === true ? path : undefined;
}

function given(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value;
}
