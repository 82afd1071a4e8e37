import { describe, expect, test } from 'vitest';
import { readConfigMaps, readDocuments } from '../../../src/kube/documents.ts';
import { containerWish, podWish, type ContainerContext, type PodWishes } from '../../../src/kube/plan.ts';
import { projectedFiles } from '../../../src/kube/volume.ts';
import { parseYaml } from '../../../src/spec/yaml.ts';
import type { ContainerSpec } from '../../../src/spec/container-spec.ts';

const read = async (text: string, annotations = {}) => readDocuments(await parseYaml(text, 'x.yaml'), annotations);
const wishes: PodWishes = { network: undefined, publish: [], publishAll: false, noHosts: false, noHostname: false, noPodPrefix: false, log: { driver: 'k8s-file', labels: [] } };

/** A pod of one container with these lines, indented as they are to stand in it. */
const podText = (container: string, spec = '', metadata = '') => `
kind: Pod
metadata:
  name: p
${metadata}
spec:
${spec}
  containers:
  - name: c
    image: img
${container}
`;

async function wishOf(container: string, spec = '', options: { readonly metadata?: string; readonly context?: Partial<ContainerContext> } = {}): Promise<ContainerSpec> {
  const [pod] = (await read(podText(container, spec, options.metadata))).pods;
  if (pod === undefined) throw new Error('no pod');
  const { name, labels, annotations } = pod;
  return containerWish(pod, pod.containers[0]!, {
    wishes, imageEnvironment: ['PATH=/bin', 'HOME=/root'], labels: {}, cwd: '/here', pod: { name, id: 'feed', labels, annotations },
    resources: pod.containers[0]!.resources, machine: { memory: 1000, cpus: 4 },
    configMap: (wanted) => (wanted === 'cm' ? { A: 'a', B: 'b' } : undefined),
    secret: (wanted) => (wanted === 'sec' ? { key: Buffer.from('hidden') } : undefined),
    ...options.context,
  });
}

describe('documents', () => {
  test('of the kinds that are known make pods, volumes, secrets and maps; a List is what is in it', async () => {
    const { pods, claims, secrets, configMaps, warnings } = await read(`
kind: List
items:
- {kind: Deployment, metadata: {name: d}, spec: {replicas: 3, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}}
- {kind: Job, metadata: {name: j}, spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}
---
kind: PersistentVolumeClaim
metadata: {name: data, annotations: {volume.podman.io/device: tmpfs, volume.podman.io/type: tmpfs, volume.podman.io/mount-options: size=1m, volume.podman.io/uid: "7"}}
spec: {storageClassName: fast}
---
kind: Secret
metadata: {name: s}
data: {user: Ym9i}
stringData: {password: x}
---
kind: ConfigMap
metadata: {name: m}
data: {a: b}
---
kind: Ingress
metadata: {name: in}
`);
    expect(pods.map(({ name, labels }) => [name, labels])).toEqual([['d-pod', { a: 'b' }], ['j-pod', {}]]);
    expect(claims).toEqual([{ name: 'data', labels: {}, options: { device: 'tmpfs', type: 'tmpfs', o: 'size=1m' }, uid: 7 }]);
    expect(Object.fromEntries(Object.entries(secrets[0]!.data).map(([key, value]) => [key, value.toString()]))).toEqual({ user: 'bob', password: 'x' });
    expect(configMaps[0]).toEqual({ name: 'm', data: { a: 'b' }, binaryData: {} });
    expect(warnings).toEqual([expect.stringContaining('Deployment d: one replica is made'), expect.stringContaining('Ingress in is passed over')]);
  });

  test('tell which fields have no effect, by their place, and pass over those of clusters', async () => {
    expect((await read(podText('    imagee: x\n    resources: {limts: {}}', '  nodeSelector: {a: b}\n  subdomain: x'))).warnings).toEqual([
      'Pod p: spec.subdomain has no effect here',
      'Pod p: spec.containers[0].imagee has no effect here',
      'Pod p: spec.containers[0].resources.limts has no effect here',
    ]);
  });

  test('tell that readiness of a container and the group of files count for nothing', async () => {
    expect((await read(podText('    readinessProbe: {exec: {command: ["true"]}}', '  securityContext: {fsGroup: 7}'))).warnings).toEqual([
      expect.stringContaining('spec.securityContext.fsGroup has no effect here'),
      expect.stringContaining('spec.containers[0].readinessProbe'),
    ]);
  });

  test.each([
    ['kind: Pod\nmetadata: {name: p}', /spec is not there/],
    ['kind: Pod\nmetadata: {}\nspec: {}', /name is missing/],
    ['kind: Pod\nmetadata: {name: a/b}\nspec: {}', /name that a pod can have/],
    [podText('    ports: [{containerPort: 70000}]'), /containers\[0\]\.ports\[0\]\.containerPort is not a whole number from 0 to 65535/],
    [podText('    resources: {limits: {memory: much}}'), /not a quantity/],
    [podText('    livenessProbe: {httpGet: {port: web}}'), /no port "web"/],
    [podText('    volumeMounts: [{name: v, mountPath: rel}]'), /mountPath is not an absolute path/],
    [podText('    command: sh'), /command is not a list/],
    [podText('    env: [{name: A, value: [1]}]'), /value is not a text/],
    [podText('', '  restartPolicy: Sometimes'), /Always, OnFailure or Never/],
    [podText('', '  volumes: [{name: v, configMap: {name: m, items: [{key: k, path: ../x}]}}]'), /relative path without/],
    [podText('', '  volumes: [{name: v, nfs: {server: x}}]'), /only a cluster has/],
    [podText('', '  initContainers: [{name: c, image: i}]'), /two containers are called "c"/],
    [podText('', '  initContainers: [{name: d, image: i, restartPolicy: Always}]'), /the init container d has restartPolicy: Always: scull does not start/],
    [podText('', '  initContainers: [{name: d, image: i}]', '  annotations: {io.podman.annotations.init.container.type: always}'), /init containers run once here/],
    ...['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'].map((key): [string, RegExp] => [podText('', `  initContainers: [{name: d, image: i, ${key}: {exec: {command: [x]}}}]`), new RegExp(`initContainers\\[0\\]\\.${key} .*for containers that run before the others`)]),
    ['kind: Secret\nmetadata: {name: s}\ndata: {a: "%"}', /not base64/],
    ['- 1', /the document is not a mapping/],
    ['a: [', /^x\.yaml:1:/],
    ['a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]', /alias/i],
  ])('%j is refused', async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });

  test('of --configmap are ConfigMaps', async () => {
    expect(readConfigMaps(await parseYaml('kind: ConfigMap\nmetadata: {name: m}\ndata: {a: 1}', 'x'), 'x')[0]?.data).toEqual({ a: '1' });
    expect(() => readConfigMaps([{ kind: 'Pod', metadata: { name: 'p' } }], 'x')).toThrow(/only ConfigMaps/);
  });
});

describe('YAML', () => {
  test('has octal modes, and leaves yes a text', async () => {
    expect(await parseYaml('a: 0644\nb: yes\nc: true\nd: 0o17\n---\n---\n<<: {e: 1}\n', 'x')).toEqual([{ a: 0o644, b: 'yes', c: true, d: 15 }, { e: 1 }]);
  });
});

test('YAML that is nested without end is refused, and names of prototypes are names like others', async () => {
  await expect(parseYaml('['.repeat(200_000), 'x')).rejects.toMatchObject({ code: 'INVALID' });
  expect((await read('kind: ConfigMap\nmetadata: {name: m}\ndata: {__proto__: a, constructor: b}')).configMaps[0]?.data).toEqual(Object.fromEntries([['__proto__', 'a'], ['constructor', 'b']]));
  await expect(read(podText('    env: [{name: A, valueFrom: {resourceFieldRef: {resource: constructor}}}]'))).rejects.toThrow(/resource is not limits.memory/);
});

describe('a pod', () => {
  const pod = async (spec: string, more: Partial<PodWishes> = {}, container = '') => {
    const [one] = (await read(podText(container, spec))).pods;
    return podWish(one!, { ...wishes, ...more });
  };

  test('is on the network of all played pods, found by the names of its containers too', async () => {
    expect(await pod('')).toMatchObject({ hostname: 'p', network: { mode: { mode: 'networks', networks: [{ name: 'podman-default-kube-network', aliases: ['c'] }] } } });
  });

  test('may have the network, processes and shared memory of the host', async () => {
    const spec = await pod('  hostNetwork: true\n  hostPID: true\n  hostIPC: true', {}, '    ports: [{containerPort: 80, hostPort: 80}]');
    expect(spec).toMatchObject({ network: { mode: { mode: 'host' }, ports: [] }, namespaces: { pid: { mode: 'host' }, ipc: { mode: 'host' }, uts: { mode: 'host' } } });
    expect(spec.hostname).toBeUndefined();
  });

  test('publishes ports of its containers; --publish goes before', async () => {
    const ports = '    ports: [{containerPort: 80, hostPort: 8080, hostIP: 127.0.0.1}, {containerPort: 53, protocol: UDP}, {hostPort: 9}]';
    const tcp = { hostIp: '', protocol: 'tcp', range: 1 };
    expect((await pod('', {}, ports)).network.ports).toEqual([{ ...tcp, hostIp: '127.0.0.1', hostPort: 8080, containerPort: 80 }, { ...tcp, hostPort: 9, containerPort: 9 }]);
    expect((await pod('', { publish: [{ hostIp: '', hostPort: 1, containerPort: 80, protocol: 'tcp', range: 1 }], publishAll: true }, ports)).network.ports).toEqual([
      { ...tcp, hostPort: 1, containerPort: 80 }, { ...tcp, hostPort: 9, containerPort: 9 }, { ...tcp, protocol: 'udp', hostPort: 53, containerPort: 53 },
    ]);
  });

  test('has names, name servers and sysctls', async () => {
    const { network, sysctls } = await pod('  hostAliases: [{ip: 192.0.2.1, hostnames: [a, b]}]\n  dnsConfig: {nameservers: [192.0.2.2], searches: [x.org], options: [{name: ndots, value: "2"}, {name: edns0}]}\n  securityContext: {sysctls: [{name: net.ipv4.ip_forward, value: "1"}]}');
    expect(network).toMatchObject({ addHosts: [{ name: 'a', ip: '192.0.2.1' }, { name: 'b', ip: '192.0.2.1' }], dns: ['192.0.2.2'], dnsSearch: ['x.org'], dnsOptions: ['ndots:2', 'edns0'] });
    expect(sysctls).toEqual({ 'net.ipv4.ip_forward': '1' });
  });

  test('has ids of its own where an annotation says so', async () => {
    const [one] = (await read(podText(''), { 'io.podman.annotations.userns': 'keep-id' })).pods;
    expect(podWish(one!, wishes).namespaces.user).toEqual({ mode: 'keep-id' });
    expect(podWish(one!, { ...wishes, userns: 'host' }).namespaces.user).toEqual({ mode: 'host' });
  });
});

describe('a container', () => {
  test('has its name behind that of the pod, is restarted, and tells no service manager', async () => {
    expect(await wishOf('')).toMatchObject({ name: 'p-c', pod: 'p', image: 'img', restart: { name: 'always' }, sdNotify: 'ignore', command: [], pull: 'missing' });
    expect((await wishOf('', '  restartPolicy: Never')).restart).toBeUndefined();
    expect((await wishOf('', '', { context: { wishes: { ...wishes, noPodPrefix: true } } })).name).toBe('c');
  });

  test('command is the entrypoint, args the command; $(NAME) in them is a variable', async () => {
    const { entrypoint, command } = await wishOf('    command: [sh, -c, "$(X) $(HOME) $(NONE) $$(X)"]\n    args: ["$(X)"]\n    env: [{name: X, value: "1"}]');
    expect(entrypoint).toEqual(['sh', '-c', '1 /root $(NONE) $(X)']);
    expect(command).toEqual(['1']);
  });

  test('variables come from all there is, and secrets are not among what is recorded', async () => {
    const { environment, secrets } = await wishOf(`
    envFrom: [{prefix: M_, configMapRef: {name: cm}}, {secretRef: {name: sec}}, {configMapRef: {name: none, optional: true}}]
    env:
    - {name: A, value: 'x$(M_A)'}
    - {name: B, valueFrom: {configMapKeyRef: {name: cm, key: B}}}
    - {name: S, valueFrom: {secretKeyRef: {name: sec, key: key}}}
    - {name: N, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: U, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
    - {name: L, valueFrom: {fieldRef: {fieldPath: "metadata.labels['l']"}}}
    - {name: R, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Ki}}}
    - {name: C, valueFrom: {resourceFieldRef: {resource: requests.cpu, divisor: 1m}}}
    - {name: O, valueFrom: {secretKeyRef: {name: none, key: key, optional: true}}}
    - {name: NUM, value: 8080}
    resources: {limits: {memory: 3Ki}, requests: {cpu: 250m}}`, '', { metadata: '  labels: {l: v}' });
    expect(environment.set).toEqual(['M_A=a', 'M_B=b', 'A=xa', 'B=b', 'N=p', 'U=feed', 'L=v', 'R=3', 'C=250', 'NUM=8080']);
    expect(secrets).toEqual([{ type: 'env', source: 'sec', key: 'key', target: 'key' }, { type: 'env', source: 'sec', key: 'key', target: 'S' }]);
    await expect(wishOf('    env: [{name: A, valueFrom: {configMapKeyRef: {name: cm, key: none}}}]')).rejects.toThrow(/cannot set A: the ConfigMap cm has no key "none"/);
    await expect(wishOf('    envFrom: [{secretRef: {name: none}}]')).rejects.toThrow(/no secret none/);
  });

  test('mounts what the pod has', async () => {
    const volumes = `  volumes:
  - {name: dir, hostPath: {path: ./d}}
  - {name: dev, hostPath: {path: /dev/fuse, type: CharDevice}}
  - {name: named, hostPath: {path: vol}}
  - {name: claim, persistentVolumeClaim: {claimName: data}}
  - {name: empty, emptyDir: {}}
  - {name: mem, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
  - {name: conf, configMap: {name: cm}}
  - {name: maybe, secret: {secretName: none, optional: true}}
  - {name: img, image: {reference: other}}`;
    const { mounts, devices } = await wishOf(`    volumeMounts:
    - {name: dir, mountPath: '/d:U', readOnly: true, subPath: s, mountPropagation: HostToContainer}
    - {name: dev, mountPath: /dev/fuse}
    - {name: named, mountPath: /n}
    - {name: claim, mountPath: /c/}
    - {name: empty, mountPath: /e}
    - {name: mem, mountPath: /m}
    - {name: conf, mountPath: /conf}
    - {name: maybe, mountPath: /maybe}
    - {name: img, mountPath: /i}`, volumes);
    expect(mounts).toEqual([
      expect.objectContaining({ type: 'bind', source: '/here/d', target: '/d', readOnly: true, subpath: 's', chown: true, propagation: 'rslave' }),
      expect.objectContaining({ type: 'volume', name: 'vol', target: '/n' }),
      expect.objectContaining({ type: 'volume', name: 'data', target: '/c' }),
      expect.objectContaining({ type: 'volume', name: 'p-empty', target: '/e', copy: true }),
      expect.objectContaining({ type: 'tmpfs', target: '/m', size: 1048576, mode: 0o1777 }),
      expect.objectContaining({ type: 'volume', name: 'p-conf', target: '/conf', copy: false }),
      expect.objectContaining({ type: 'image', image: 'other', target: '/i', readOnly: true }),
    ]);
    expect(devices).toEqual([{ source: '/dev/fuse', target: '/dev/fuse', permissions: 'rwm' }]);
    await expect(wishOf('    volumeMounts: [{name: none, mountPath: /x}]')).rejects.toThrow(/which the pod does not have/);
    await expect(wishOf('    volumeMounts: [{name: v, mountPath: /x}]', '  volumes: [{name: v, configMap: {name: none}}]')).rejects.toThrow(/wants the ConfigMap none/);
  });

  test('limits, devices and pids', async () => {
    const { resources, devices } = await wishOf("    resources: {limits: {memory: 64Mi, cpu: 500m, 'podman.io/device=/dev/fuse': 1}, requests: {memory: 32M}}", '', { metadata: '  annotations: {io.podman.annotations.pids-limit/c: "50", io.podman.annotations.cpuset/c: 0-1}' });
    expect(resources).toEqual({ memory: 67108864, memoryReservation: 32000000, cpus: 0.5, pidsLimit: 50, cpusetCpus: '0-1' });
    expect(devices[0]?.source).toBe('/dev/fuse');
  });

  test('probes are health checks', async () => {
    expect((await wishOf('    livenessProbe: {exec: {command: [test, -e, /x]}, initialDelaySeconds: 5, periodSeconds: 2, timeoutSeconds: 3, failureThreshold: 4}')).health)
      .toEqual({ test: ['CMD', 'test', '-e', '/x'], interval: 2, timeout: 3, retries: 4, startPeriod: 5, onFailure: 'restart' });
    const web = await wishOf("    ports: [{name: web, containerPort: 80}]\n    livenessProbe: {httpGet: {path: '/a;b', port: web}}", '  restartPolicy: Never');
    expect(web.health).toMatchObject({ interval: 10, timeout: 1, retries: 3 });
    expect(web.health?.onFailure).toBeUndefined();
    expect(web.health?.test?.at(-1)).toBe('http://localhost:80/a;b');
    expect((await wishOf('    startupProbe: {tcpSocket: {port: 7}, successThreshold: 2}')).health).toMatchObject({ test: ['CMD-SHELL', 'exit 0'], startup: { test: ['CMD', 'nc', '-z', 'localhost', '7'], success: 2 } });
  });

  test('security: its own context, else that of the pod', async () => {
    const pod = '  securityContext: {runAsUser: 5, runAsGroup: 6, supplementalGroups: [7], seLinuxOptions: {level: s0}, seccompProfile: {type: Unconfined}}';
    expect(await wishOf('', pod)).toMatchObject({ user: '5:6', groupAdd: ['7'], security: { labels: ['level:s0'], seccomp: 'unconfined' } });
    expect(await wishOf('    securityContext: {runAsUser: 1, privileged: true, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, procMount: Unmasked, capabilities: {add: [NET_ADMIN], drop: [all]}, seccompProfile: {type: Localhost, localhostProfile: p.json}}', pod))
      .toMatchObject({ user: '1:6', privileged: true, readOnly: true, capAdd: ['CAP_NET_ADMIN'], capDrop: ['ALL'], security: { noNewPrivileges: true, unmask: ['ALL'], seccomp: '/var/lib/kubelet/seccomp/p.json' } });
  });

  test('pull policies', async () => {
    const pull = async (image: string, policy = '') => (await read(`kind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: '${image}'${policy === '' ? '' : `, imagePullPolicy: ${policy}`}}]}`)).pods[0]?.containers[0]?.spec.pull;
    expect(await Promise.all([pull('quay.io/a/b'), pull('quay.io/a/b:latest'), pull('quay.io/a/b:1'), pull('b'), pull('quay.io:5000/a'), pull('b', 'Always'), pull('quay.io/a/b', 'IfNotPresent'), pull('b', 'Never')])).toEqual(['newer', 'newer', 'missing', 'missing', 'newer', 'always', 'missing', 'never']);
  });

  test('annotations of Podman: auto-update, of all or of one, and volumes of others', async () => {
    expect(await wishOf('', '', { metadata: '  annotations: {io.containers.autoupdate: registry, io.containers.autoupdate/c: local, io.podman.annotations.volumes-from/c: "c2:ro;c"}' }))
      .toMatchObject({ labels: { 'io.containers.autoupdate': 'local' }, volumesFrom: ['c2:ro', 'p-c'] });
  });
});

test('files of a ConfigMap: all keys, or those asked for under another path', () => {
  const data = { a: Buffer.from('A'), b: Buffer.from('B') };
  const volume = { name: 'v', type: 'configMap', source: 'm', mode: 0o644, optional: false } as const;
  expect(projectedFiles(volume, data).map(({ path, mode }) => [path, mode])).toEqual([['a', 0o644], ['b', 0o644]]);
  expect(projectedFiles({ ...volume, items: [{ key: 'a', path: 'x/y', mode: 0o600 }] }, data)).toEqual([{ path: 'x/y', mode: 0o600, content: data.a }]);
  expect(() => projectedFiles({ ...volume, items: [{ key: 'c', path: 'c' }] }, data)).toThrow(/wants the key "c"/);
  expect(() => projectedFiles(volume, { '../x': data.a })).toThrow(/can't be the name of a file/);
});
