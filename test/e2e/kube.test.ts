/** kube play and kube down: Kubernetes YAML, as a user types it and as a unit does. What systemd makes of it is in test/vm. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/docker-registry.ts';
import { useScull } from '../support/scull.ts';
import { useServiceManagers } from '../support/service-manager.ts';

const s = useScull();

afterEach(async () => {
  await s.ok(['pod', 'rm', '-a', '-f', '-t', '0']);
  await s.ok(['rm', '-a', '-f', '-t', '0']);
  await s.ok(['volume', 'prune', '-f', '-a']);
  await s.ok(['secret', 'rm', '-a']);
});

/** A pod without a network of its own to set up, unless it says so. */
const pod = (name: string, containers: string, spec = '') => `kind: Pod\nmetadata: {name: ${name}}\nspec:\n  terminationGracePeriodSeconds: 0\n${spec}\n  containers:\n${containers}\n`;
const play = (text: string, ...flags: string[]) => s.scull(['kube', 'play', '--network', 'none', ...flags, '-'], { input: text });
const stateOf = (name: string) => s.ok(['inspect', '-f', '{{.State.Status}}', name]);

test('a Deployment runs with all it refers to: ConfigMap, Secret, claim, directories of the pod, and what runs before', async () => {
  const port = await freePort();
  const file = s.file('shop.yaml', `
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {GREETING: hello, app.conf: "port=80\\n"}
---
apiVersion: v1
kind: Secret
metadata: {name: cred}
stringData: {password: s3cret}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      terminationGracePeriodSeconds: 0
      initContainers:
      - {name: seed, image: busybox, command: [sh, -c, 'echo seeded > /work/seed'], volumeMounts: [{name: work, mountPath: /work}]}
      containers:
      - name: web
        image: busybox
        command: [sh, -c]
        args: ['echo $(GREETING) $PASS $POD; cat /work/seed /etc/conf/app.conf; stat -c %a /etc/cred/password; while true; do printf "HTTP/1.0 200 OK\\r\\n\\r\\nhere" | nc -l -p 8080; done']
        envFrom: [{configMapRef: {name: conf}}]
        env:
        - {name: PASS, valueFrom: {secretKeyRef: {name: cred, key: password}}}
        - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        ports: [{containerPort: 8080, hostPort: ${port}, hostIP: 127.0.0.1}]
        livenessProbe: {exec: {command: [test, -e, /work/seed]}, periodSeconds: 1, timeoutSeconds: 30}
        volumeMounts: [{name: work, mountPath: /work}, {name: conf, mountPath: /etc/conf}, {name: cred, mountPath: /etc/cred}, {name: data, mountPath: /data}]
      - {name: side, image: busybox, command: [sleep, '1000'], volumeMounts: [{name: work, mountPath: /w, readOnly: true}]}
      volumes:
      - {name: work, emptyDir: {}}
      - {name: conf, configMap: {name: conf, items: [{key: app.conf, path: app.conf}]}}
      - {name: cred, secret: {secretName: cred, defaultMode: 0400}}
      - {name: data, persistentVolumeClaim: {claimName: data}}
---
kind: Service
metadata: {name: shop}
`);
  const { stdout, stderr, status } = await s.scull(['play', 'kube', file]);
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^Volumes:\ndata\nSecrets:\n[0-9a-f]{25}\nPod:\n[0-9a-f]{64}\nContainers:\n[0-9a-f]{64}\n[0-9a-f]{64}\n\n$/);
  expect(stderr).toMatch(/Service shop is passed over/);
  await eventually('what it says', async () => (await s.ok(['logs', 'shop-pod-web'])) === 'hello s3cret shop-pod\nseeded\nport=80\n400');
  await eventually('the port answers', async () => (await fetch(`http://127.0.0.1:${port}/`).then((answer) => answer.text(), () => '')) === 'here');
  await s.ok(['wait', '--condition', 'healthy', 'shop-pod-web']);
  expect(JSON.stringify(await s.inspect('shop-pod-web'))).not.toContain('s3cret');
  expect(await s.ok(['exec', 'shop-pod-side', 'cat', '/w/seed'])).toBe('seeded');
  expect((await s.inspect('shop-pod-web')).HostConfig.RestartPolicy.Name).toBe('always');
  // What ran before the others is gone; one more run takes the place of this one.
  await s.fails(['container', 'inspect', 'shop-pod-seed'], 125, /no such container/i);
  await s.ok(['exec', 'shop-pod-web', 'touch', '/data/kept']);
  await s.fails(['kube', 'play', file], 125, /shop-pod" is already in use/);
  expect(await s.ok(['kube', 'play', '--replace', '-q', file])).toMatch(/^Pods stopped:\n[0-9a-f]{64}\nPods removed:\n[0-9a-f]{64}\nSecrets removed:\n[0-9a-f]{25}\nVolumes removed:\nVolumes:\ndata\n/);
  await s.ok(['exec', 'shop-pod-web', 'test', '-e', '/data/kept']);
  expect(await s.ok(['kube', 'down', file])).toMatch(/^Pods stopped:\n[0-9a-f]{64}\nPods removed:\n[0-9a-f]{64}\nSecrets removed:\n[0-9a-f]{25}\nVolumes removed:$/);
  expect(await s.ok(['volume', 'ls', '-q'])).toBe('data');
  expect(await s.ok(['kube', 'down', '--force', file])).toMatch(/Volumes removed:\ndata$/);
  expect(await s.ok(['ps', '-a', '-q'])).toBe('');
});

test('pods that are played find each other by name', async () => {
  const { status, stderr } = await s.scull(['kube', 'play', '-'], { input: `${pod('one', '  - {name: web, image: busybox, command: [sh, -c, "while true; do echo found | nc -l -p 7000; done"]}')}---\n${pod('two', '  - {name: c, image: busybox, command: [sleep, "1000"]}')}` });
  expect(status, stderr).toBe(0);
  await eventually('the other pod', async () => (await s.scull(['exec', 'two-c', 'sh', '-c', 'nc one 7000 </dev/null'])).stdout === 'found\n', 20_000);
});

test('a pod shares the processes of its containers, or those of the host', async () => {
  await play(`${pod('p', '  - {name: a, image: busybox, command: [sleep, "1000"]}\n  - {name: b, image: busybox, command: [sleep, "2000"]}', '  shareProcessNamespace: true')}---\n${pod('h', '  - {name: c, image: busybox, command: [sleep, "3000"]}', '  hostPID: true\n  hostIPC: true\n  hostNetwork: true')}`);
  await eventually('the other process', async () => (await s.ok(['exec', 'p-a', 'sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "'])).includes('sleep 2000'));
  expect(Number(await s.ok(['exec', 'h-c', 'sh', '-c', 'ls -d /proc/[0-9]* | wc -l']))).toBeGreaterThan(5);
  expect(await s.ok(['exec', 'p-a', 'sh', '-c', 'ls -d /proc/1'])).toBe('/proc/1');
});

test('a mistake is found before anything is made; what could not be started is told', async () => {
  for (const [text, message] of [
    [pod('p', '  - {name: c, image: busybox, envFrom: [{configMapRef: {name: none}}]}'), /there is no ConfigMap none/],
    [pod('p', '  - {name: c, image: localhost/absent, imagePullPolicy: Never}'), /localhost\/absent/],
    [pod('p', '  - {name: c, image: busybox, volumeMounts: [{name: d, mountPath: /d}]}', '  volumes: [{name: d, hostPath: {path: /absent/path, type: Directory}}]'), /hostPath "\/absent\/path"/],
    ['kind: ConfigMap\nmetadata: {name: m}\n', /a ConfigMap alone is nothing/],
    ['kind: Pod\nmetadata: {name: p}\nspec: {containers: {}}\n', /containers is not a list/],
    ['a: [', /standard input:1:/],
  ] as const) {
    await s.fails(['kube', 'play', '--network', 'none', '-'], 125, message, { input: text });
    expect(await s.ok(['pod', 'ps', '-q'])).toBe('');
    expect(await s.ok(['ps', '-a', '-q'])).toBe('');
    expect(await s.ok(['volume', 'ls', '-q'])).toBe('');
  }
  await s.fails(['kube', 'play', join(s.base, 'absent.yaml')], 125, /no such file/);
  const started = await play(pod('p', '  - {name: bad, image: busybox, command: [/absent]}\n  - {name: good, image: busybox, command: [sleep, "1000"]}'));
  expect(started.status).toBe(125);
  expect(started.stderr).toMatch(/absent/);
  expect(started.stderr).toMatch(/1 container was not started/);
  expect(await stateOf('p-good')).toBe('running');
});

test('where one that runs before the others fails, they are not started', async () => {
  const { status, stderr } = await play(pod('p', '  - {name: c, image: busybox, command: [sleep, "1000"]}', '  initContainers: [{name: first, image: busybox, command: [sh, -c, "exit 3"]}]'));
  expect(status).toBe(125);
  expect(stderr.match(/the init container p-first ended with exit code 3/g)).toHaveLength(1);
  expect(await stateOf('p-c')).toBe('created');
});

test('a container that turns unhealthy is started again, as its pod says', async () => {
  await play(pod('p', '  - {name: c, image: busybox, command: [sh, -c, "touch /well; sleep 1000"], livenessProbe: {exec: {command: [test, -e, /well]}, periodSeconds: 1, timeoutSeconds: 30, failureThreshold: 1}}'));
  await s.ok(['wait', '--condition', 'healthy', 'p-c']);
  const started = await s.ok(['inspect', '-f', '{{.State.StartedAt}}', 'p-c']);
  await s.ok(['exec', 'p-c', 'rm', '/well']);
  await eventually('the restart', async () => (await stateOf('p-c')) === 'running' && (await s.ok(['inspect', '-f', '{{.State.StartedAt}}', 'p-c'])) !== started, 30_000);
});

test('ConfigMaps come from other files too; --publish, --annotation, --no-pod-prefix and --start=false', async () => {
  const maps = s.file('maps.yaml', 'kind: ConfigMap\nmetadata: {name: m}\ndata: {A: from file}\n');
  const text = pod('p', '  - {name: c, image: busybox, command: [sleep, "1000"], envFrom: [{configMapRef: {name: m}}]}');
  await play(text, '--configmap', maps, '--start=false', '--no-pod-prefix', '--annotation', 'io.containers.autoupdate=local');
  expect(await stateOf('c')).toBe('created');
  const { Config } = await s.inspect('c');
  expect(Config.Env).toContain('A=from file');
  expect(Config.Labels).toMatchObject({ 'io.containers.autoupdate': 'local' });
  await s.fails(['kube', 'play', '--configmap', maps, '-'], 125, /both in the file and in one of --configmap/, { input: `kind: ConfigMap\nmetadata: {name: m}\n---\n${text}` });
});

test('an image with a folder beside the file is built where it is missing, and anew with --build', async () => {
  const folder = s.directory('building');
  mkdirSync(join(folder, 'web'));
  const file = join(folder, 'shop.yaml');
  const write = (what: string): void => {
    writeFileSync(join(folder, 'web', 'Containerfile'), `FROM busybox\nRUN echo ${what} > /what\n`);
    writeFileSync(file, pod('p', '  - {name: c, image: "registry.invalid/me/web:1", imagePullPolicy: Always, readinessProbe: {exec: {command: ["true"]}}, command: [sh, -c, "cat /what; sleep 1000"]}'));
  };
  const playFile = (...flags: string[]) => s.scull(['kube', 'play', '--network', 'none', '--replace', ...flags, file]);
  const said = () => s.ok(['exec', 'p-c', 'cat', '/what']);
  try {
    write('first');
    expect((await playFile('--build=false')).status).toBe(125);
    const played = await playFile();
    expect(played.status, played.stderr).toBe(0);
    expect(played.stderr).toContain('readinessProbe');
    expect(await said()).toBe('first');
    write('second');
    expect((await playFile('--build')).status).toBe(0);
    expect(await said()).toBe('second');
    writeFileSync(join(folder, 'web', 'Containerfile'), 'FROM busybox\nRUN exit 7\n');
    expect((await playFile('--build', '--context-dir', folder)).status).toBe(125);
    expect(await said()).toBe('second');
  } finally {
    await s.scull(['rmi', '-f', 'registry.invalid/me/web:1']);
  }
});

test('kube generate writes what kube play makes the same of again', async () => {
  const text = pod('p', '  - {name: a, image: busybox, command: [sleep], args: ["1000"], env: [{name: X, value: "yes"}], tty: true, securityContext: {runAsUser: 5, capabilities: {drop: [NET_RAW]}}, volumeMounts: [{name: d, mountPath: /d}, {name: e, mountPath: /e}]}\n  - {name: b, image: busybox, command: [sleep, "1000"], livenessProbe: {exec: {command: ["true"]}, periodSeconds: 7}, volumeMounts: [{name: t, mountPath: /t, readOnly: true}]}', '  restartPolicy: OnFailure\n  volumes: [{name: d, persistentVolumeClaim: {claimName: kept}}, {name: e, emptyDir: {}}, {name: t, hostPath: {path: /tmp}}]');
  await play(text, '--start=false');
  const facts = async () => JSON.stringify(await Promise.all(['p-a', 'p-b'].map(async (name) => {
    const { Config, HostConfig, Mounts } = await s.inspect(name);
    return [Config.Cmd, Config.Entrypoint, Config.Env, Config.Tty, Config.User, Config.Healthcheck, HostConfig.RestartPolicy, HostConfig.CapDrop, Mounts.map((mount: any) => [mount.Type, mount.Destination, mount.RW])];
  })));
  const before = await facts();
  const file = join(s.base, 'generated.yaml');
  await s.ok(['kube', 'generate', '-f', file, 'p', 'kept']);
  await s.fails(['generate', 'kube', '-f', file, 'p'], 125, /generated\.yaml/);
  expect(readFileSync(file, 'utf8')).toMatch(/^apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: kept$/m);
  await s.ok(['pod', 'rm', '-f', 'p']);
  await s.ok(['kube', 'play', '--network', 'none', '--start=false', file]);
  expect(await facts()).toBe(before);
  await s.fails(['kube', 'generate', 'absent'], 125, /no container, pod or volume "absent"/);
  await s.fails(['kube', 'generate', 'p-a'], 125, /is in a pod/);
  await s.ok(['run', '-d', '--name', 'lone', '--network', 'none', '--restart', 'always', 'busybox', 'sleep', '1000']);
  expect(await s.ok(['kube', 'generate', '--type', 'deployment', '--replicas', '3', 'lone'])).toMatch(/^kind: Deployment$[^]*^  replicas: 3$[^]*name: lone$/m);
});

const manager = useServiceManagers(() => s.base);

test('in a unit a service container stands for the pods: it is told, ends with the last of them, and tells how they ended', async () => {
  const { env: socket, told } = await manager('kube');
  const env = { ...socket, PODMAN_SYSTEMD_UNIT: 'shop.service' };
  const file = s.file('unit.yaml', pod('p', '  - {name: a, image: busybox, command: [sh, -c, "until [ -e /tmp/end ]; do sleep 0.1; done; exit 3"]}\n  - {name: b, image: busybox, command: [sleep, "1000"]}', '  restartPolicy: Never'));
  await s.ok(['kube', 'play', '--replace', '--service-container', '--service-exit-code-propagation', 'any', '--network', 'none', file], { env });
  const pid = /^MAINPID=(\d+)$/m.exec(told())?.[1];
  expect(told()).toMatch(/^READY=1$/m);
  expect(readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe('conmon\n');
  const service = (await s.ok(['ps', '--format', '{{.Names}}'])).split('\n').find((name) => name.endsWith('-service'));
  expect(service).toMatch(/^[0-9a-f]{12}-service$/);
  expect((await s.inspect('p-a')).Config.Labels['PODMAN_SYSTEMD_UNIT']).toBe('shop.service');
  await s.ok(['kill', 'p-b']);
  expect(await stateOf(service ?? '')).toBe('running');
  await s.ok(['exec', 'p-a', 'touch', '/tmp/end']);
  await eventually('the end of the service', async () => (await stateOf(service ?? '')) === 'exited', 20_000);
  expect(await s.ok(['inspect', '-f', '{{.State.ExitCode}}', service ?? ''])).toBe('137');
  expect(await s.ok(['pod', 'inspect', '-f', '{{.State}}', 'p'])).toBe('Exited');
  await s.ok(['kube', 'down', file]);
  expect(await s.ok(['ps', '-a', '-q'])).toBe('');
});

test('annotations say whom the unit waits for: a container that is healthy, or one that tells it itself', async () => {
  const play = (name: string, mode: string, env: Record<string, string>, more = '') => {
    const file = s.file(`${name}.yaml`, pod(name, `  - {name: c, image: busybox, command: [sleep, "1000"]${more}}`));
    return s.start(['kube', 'play', '--replace', '--service-container', '--network', 'none', '--annotation', `io.containers.sdnotify=${mode}`, file], { env });
  };
  const healthy = await manager('healthy');
  const awaited = play('awaited', 'healthy', healthy.env, ', livenessProbe: {exec: {command: [test, -e, /tmp/well]}, periodSeconds: 1, timeoutSeconds: 30, failureThreshold: 1000}');
  await eventually('a word of patience', () => healthy.told().includes('EXTEND_TIMEOUT_USEC='));
  await eventually('the container', async () => (await s.scull(['exec', 'awaited-c', 'true'])).status === 0);
  expect(healthy.told()).not.toContain('READY');
  await s.ok(['exec', 'awaited-c', 'touch', '/tmp/well']);
  expect((await awaited.ended).status).toBe(0);
  expect(healthy.told()).toContain('READY=1');

  const telling = await manager('container');
  expect((await play('telling', 'container', telling.env).ended).status).toBe(0);
  expect(telling.told()).toMatch(/^MAINPID=\d+$/m);
  expect(telling.told()).not.toContain('READY');
  const { Pid } = (await s.inspect('telling-c')).State;
  const sender = spawn('socat', ['-u', '-', `UNIX-SENDTO:/proc/${Pid}/root/run/notify/notify.sock`], { stdio: ['pipe', 'ignore', 'ignore'] });
  sender.stdin.end('READY=1\n');
  await eventually('the word of the container', () => telling.told().includes('READY=1'));
});

test('--wait stays until the containers have ended, or it is told to go; nothing is left', async () => {
  expect((await play(pod('p', '  - {name: c, image: busybox, command: [sleep, "0.2"]}', '  restartPolicy: Never'), '--wait')).stdout).toMatch(/Use ctrl\+c[^]*Cleaning up containers, pods, and volumes/);
  expect(await s.ok(['ps', '-a', '-q'])).toBe('');
  const file = s.file('stay.yaml', pod('p', '  - {name: c, image: busybox, command: [sleep, "1000"]}'));
  const running = s.start(['kube', 'play', '--wait', '--network', 'none', file]);
  await eventually('the pod', async () => (await s.scull(['inspect', '-f', '{{.State.Status}}', 'p-c'])).stdout === 'running\n' && (await s.ok(['ps', '--format', '{{.Names}}'])).includes('-service'), 20_000);
  running.child.kill('SIGTERM');
  expect((await running.ended).status).toBe(0);
  expect(await s.ok(['ps', '-a', '-q'])).toBe('');
  expect(await s.ok(['pod', 'ps', '-q'])).toBe('');
});
