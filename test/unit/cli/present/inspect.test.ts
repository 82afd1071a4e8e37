import { describe, expect, it } from 'vitest';
import { presentInspect } from '../../../../src/cli/present/inspect.ts';

const container = {
  Id: 'ab'.repeat(32),
  Name: '/web',
  Image: 'sha256:11',
  State: { Status: 'running', Running: true, Pid: 12, ExitCode: 0 },
  Config: { Env: ['A=1', 'B=two words'], Labels: { 'io.x-k8s.kind.role': 'control-plane' } },
  Mounts: [{ Type: 'bind', Source: '/src', Destination: '/dst' }],
  NetworkSettings: { Ports: { '6443/tcp': [{ HostIp: '127.0.0.1', HostPort: '36443' }], '80/tcp': null }, Networks: { pasta: { IPAddress: '10.0.2.100', GlobalIPv6Address: '' } } },
};

describe('inspect', () => {
  it('prints an array indented by four', () => {
    expect(presentInspect([{ Id: 'a', State: { Pid: 1 } }], undefined)).toBe('[\n    {\n        "Id": "a",\n        "State": {\n            "Pid": 1\n        }\n    }\n]\n');
    expect(presentInspect([], 'json')).toBe('[]\n');
  });
  it('lets nothing within JSON steer a terminal', () => {
    expect(presentInspect([{ Env: ['\u001b[2J\u009b'] }], undefined)).toContain('"\\u001b[2J\\u009b"');
  });
  it.each([
    // what scripts written for Docker ask
    ['{{.State.Running}}', 'true'],
    ['{{.State.ExitCode}}', '0'],
    ['{{.Id}} {{.ID}}', `${container.Id} ${container.Id}`],
    ['{{json .State}}', '{"Status":"running","Running":true,"Pid":12,"ExitCode":0}'],
    ['{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}', 'none'],
    ['{{.State.Healthcheck}} {{if .Config.Healthcheck}}{{.Config.Healthcheck.Test}}{{end}}{{range $port, $x := .Config.ExposedPorts}}{{$port}}{{end}}{{.Config.StopSignal}}', '<nil> '],
    ['{{json .Config}}', JSON.stringify(container.Config)],
    ['{{range .Config.Env}}{{println .}}{{end}}', 'A=1\nB=two words\n'],
    ['{{range .Mounts}}{{if eq .Destination "/dst"}}{{.Source}}{{end}}{{end}}', '/src'],
    ['{{range .Mounts}}{{.Src}}:{{.Dst}}{{end}}', '/src:/dst'],
    ['{{(index (index .NetworkSettings.Ports "6443/tcp") 0).HostPort}}', '36443'],
    ['{{ with (index (index .NetworkSettings.Ports "6443/tcp") 0) }}{{ printf "%s\t%s" .HostIp .HostPort }}{{ end }}', '127.0.0.1\t36443'],
    ['{{range .NetworkSettings.Networks}}{{.IPAddress}},{{.GlobalIPv6Address}}{{end}}', '10.0.2.100,'],
    ['{{range $p, $conf := .NetworkSettings.Ports}}{{$p}} -> {{if $conf}}{{(index $conf 0).HostPort}}{{else}}-{{end}} {{end}}', '6443/tcp -> 36443 80/tcp -> - '],
    ['{{ index .Config.Labels "io.x-k8s.kind.role"}}', 'control-plane'],
    ['{{index .Config.Labels "none"}}', ''],
    ['{{.NetworkSettings.Networks.pasta.IPAddress}}', '10.0.2.100'],
    ['{{.ImageID}}', 'sha256:11'],
    ["{{json .Mounts}}", '[{"Type":"bind","Source":"/src","Destination":"/dst"}]'],
  ])('%s', (format, expected) => {
    expect(presentInspect([container], format)).toBe(`${expected}\n`);
  });
  it('prints each of several objects on lines of its own', () => {
    expect(presentInspect([container, { ...container, Name: '/db' }], '{{.Name}}')).toBe('/web\n/db\n');
  });
  it('knows what an image may have, too', () => {
    const image = { Id: 'sha256:11', RootFS: { Layers: [] }, Config: { Cmd: null } };
    expect(presentInspect([image], '{{.HealthCheck}} {{.Config.Healthcheck}} {{.Config.ExposedPorts}} {{.Variant}}')).toBe('<nil> <nil> map[] \n');
    expect(presentInspect([{ ...image, Healthcheck: { Test: ['CMD', 'x'] } }], '{{.HealthCheck.Test}}')).toBe('[CMD x]\n');
    expect(presentInspect([image], '{{json .}}')).toBe(`${JSON.stringify(image)}\n`);
  });
  it('says which field does not exist', () => {
    expect(() => presentInspect([container], '{{.Status}}')).toThrow("can't evaluate field Status");
  });
});
