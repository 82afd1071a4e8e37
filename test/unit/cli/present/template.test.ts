import { describe, expect, it } from 'vitest';
import { compileTemplate, headingOf } from '../../../../src/cli/present/template.ts';

const data = {
  Id: 'abc123',
  Name: 'web',
  Count: 3,
  Ratio: 1.5,
  Running: true,
  dns_enabled: false,
  Error: '',
  Missing: null,
  Tags: ['b', 'a', 'c'],
  None: [],
  State: { Status: 'running', Pid: 42, Health: null },
  Config: { Labels: { zone: 'eu', 'com.example.tier': 'front' }, Env: ['A=1', 'B=2'] },
  NetworkSettings: { Ports: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }], '443/tcp': null } },
  Mounts: [{ Source: '/a', Destination: '/b' }, { Source: '/c', Destination: '/d' }],
  HostConfig: { NanoCpus: 5, Dns: ['1.1.1.1'] },
  Label: (name: string) => `label ${name}`,
  Now: () => 'method',
};

function render(template: string, value: unknown = data): string {
  return compileTemplate(template).execute(value);
}

function failure(template: string, value: unknown = data): string {
  try {
    render(template, value);
  } catch (error) {
    return `${(error as { code?: string }).code}: ${(error as Error).message}`;
  }
  return 'it did not fail';
}

describe('a template renders as Go would', () => {
  const cases: readonly (readonly [string, string])[] = [
    // text and fields
    ['plain', 'plain'],
    ['', ''],
    ['{{.Name}}', 'web'],
    ['{{ .Name }}-{{.Id}}', 'web-abc123'],
    ['{{.State.Status}}', 'running'],
    ['{{.State.Pid}}', '42'],
    ['{{$.Name}}', 'web'],
    ['{{(.State).Pid}}', '42'],
    ['{{.Missing}}', '<nil>'],
    ['{{.ID}}', 'abc123'],
    ['{{.DNSEnabled}} {{.dns_enabled}}', 'false false'],
    ['{{.HostConfig.NanoCPUs}} {{.HostConfig.DNS}}', '5 [1.1.1.1]'],
    ['{{.Ratio}}', '1.5'],
    ['{{.Running}}', 'true'],
    ['} }} {', '} }} {'],
    // how values print
    ['{{.Tags}}', '[b a c]'],
    ['{{.Config.Labels}}', 'map[com.example.tier:front zone:eu]'],
    ['{{.State}}', '{running 42 <nil>}'],
    ['{{.None}}', '[]'],
    ['{{.Mounts}}', '[{/a /b} {/c /d}]'],
    // literals
    ['{{"a\\tb"}}', 'a\tb'],
    ['{{`raw\\t`}}', 'raw\\t'],
    ['{{12}} {{-3}} {{0x1f}} {{1.50}} {{1e3}} {{0755}} {{1_000}}', '12 -3 31 1.5 1000 493 1000'],
    ["{{'a'}}", '97'],
    ['{{true}} {{false}}', 'true false'],
    ['{{"\\u00e9\\x41\\101\\""}}', 'éAA"'],
    // maps: a missing key is no error
    ['{{.Config.Labels.zone}}', 'eu'],
    ['{{.Config.Labels.nope}}', '<no value>'],
    ['{{index .Config.Labels "com.example.tier"}}', 'front'],
    ['{{index .Config.Labels "nope"}}', ''],
    ['{{with .Config.Labels.nope}}yes{{else}}no{{end}}', 'no'],
    // index, slice, len
    ['{{index .Tags 1}}', 'a'],
    ['{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', '8080'],
    ['{{(index .NetworkSettings.Ports "80/tcp" 0).HostIp}}', '0.0.0.0'],
    ['{{index .NetworkSettings.Ports "9/tcp"}}', '[]'],
    ['{{slice .Id 0 3}} {{slice .Id 3}} {{slice .Tags 1 2}}', 'abc 123 [a]'],
    ['{{len .Tags}} {{len .Name}} {{len .Config.Labels}} {{len "é"}}', '3 3 2 2'],
    // if, else if, else
    ['{{if .Running}}up{{else}}down{{end}}', 'up'],
    ['{{if .Error}}bad{{else if .Running}}up{{else}}down{{end}}', 'up'],
    ['{{if .Error}}a{{else if .None}}b{{else if .Missing}}c{{else}}d{{end}}', 'd'],
    ['{{if not .Error}}fine{{end}}', 'fine'],
    ['{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}', 'none'],
    ['{{if and .Running (eq .State.Status "running")}}yes{{end}}', 'yes'],
    ['{{if or .Error .Missing}}yes{{else}}no{{end}}', 'no'],
    // with
    ['{{with .State}}{{.Pid}} {{$.Name}}{{end}}', '42 web'],
    ['{{with .Error}}x{{else with .Name}}{{.}}{{end}}', 'web'],
    ['{{with $x := .Name}}{{$x}}{{end}}', 'web'],
    // range
    ['{{range .Tags}}<{{.}}>{{end}}', '<b><a><c>'],
    ['{{range $i, $t := .Tags}}{{$i}}{{$t}} {{end}}', '0b 1a 2c '],
    ['{{range $t := .Tags}}{{$t}}{{end}}', 'bac'],
    ['{{range .None}}x{{else}}none{{end}}', 'none'],
    ['{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}', 'com.example.tier=front;zone=eu;'],
    ['{{range $p, $c := .NetworkSettings.Ports}}{{$p}}{{range $c}} {{.HostPort}}{{end}};{{end}}', '443/tcp;80/tcp 8080;'],
    ['{{range .Mounts}}{{.Source}}:{{.Destination}} {{end}}', '/a:/b /c:/d '],
    ['{{range .Tags}}{{if eq . "a"}}{{continue}}{{end}}{{.}}{{end}}', 'bc'],
    ['{{range .Tags}}{{if eq . "a"}}{{break}}{{end}}{{.}}{{end}}', 'b'],
    ['{{range 3}}{{.}}{{end}}', '012'],
    ['{{range .Missing}}x{{else}}nothing{{end}}', 'nothing'],
    // variables
    ['{{$x := 1}}{{$x}}{{$x = 2}}{{$x}}', '12'],
    ['{{$x := 1}}{{if true}}{{$x = 5}}{{end}}{{$x}}', '5'],
    ['{{$x := 1}}{{range .Tags}}{{$x = .}}{{end}}{{$x}}', 'c'],
    ['{{$s := .State}}{{$s.Pid}}', '42'],
    // pipelines
    ['{{.Name | upper}}', 'WEB'],
    ['{{.Name | printf "%s-%s" "x"}}', 'x-web'],
    ['{{.Tags | len | printf "%03d"}}', '003'],
    ['{{"a,b" | split "x"}}', '[x]'],
    ['{{.Name | eq "web"}}', 'true'],
    // comparisons
    ['{{eq .Name "web"}} {{ne .Name "web"}} {{eq .Count 1 2 3}}', 'true false true'],
    ['{{lt 1 2}} {{le 2 2}} {{gt "b" "a"}} {{ge 1 2}}', 'true true true false'],
    ['{{and 1 0 2}} {{or 0 "" "x"}} {{and "a" "b"}} {{not 0}}', '0 x b true'],
    ['{{or .Running .Nope}}', 'true'],
    // functions of fmt
    ['{{print 1 2 "a" "b" 3}}', '1 2ab3'],
    ['{{println "a" 1}}', 'a 1\n'],
    ['{{printf "%s|%5s|%-5s|%.2s" "a" "b" "c" "defg"}}', 'a|    b|c    |de'],
    ['{{printf "%d %5d %-5d| %05d %+d %x %X %o %b %c" 1 2 3 -4 5 255 255 8 5 65}}', '1     2 3    | -0004 +5 ff FF 10 101 A'],
    ['{{printf "%f %.2f %e %g %t %v %q %%" 1.5 2.345 1500.0 1.5 true "x" "a\\"b"}}', '1.500000 2.35 1.500000e+03 1.5 true x "a\\"b" %'],
    ['{{printf "%v %+v" .State .State}}', '{running 42 <nil>} {Status:running Pid:42 Health:<nil>}'],
    ['{{printf "%T %T %T" 1 "a" .Tags}}', 'int string []any'],
    ['{{printf "%d" "x"}}', '%!d(string=x)'],
    ['{{printf "%s"}}', '%!s(MISSING)'],
    ['{{printf "a" 1}}', 'a%!(EXTRA int=1)'],
    ['{{printf "%*d" 5 7}}', '    7'],
    // functions of Docker and Podman
    ['{{json .Tags}}', '["b","a","c"]'],
    ['{{json .State}}', '{"Status":"running","Pid":42,"Health":null}'],
    ['{{json .Config.Labels}}', '{"com.example.tier":"front","zone":"eu"}'],
    ['{{json .}}', JSON.stringify({ ...data, Config: { Labels: { 'com.example.tier': 'front', zone: 'eu' }, Env: ['A=1', 'B=2'] }, NetworkSettings: { Ports: { '443/tcp': null, '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }] } } })],
    ['{{json "<&>"}}', '"<&>"'],
    ['{{join .Tags ","}}', 'b,a,c'],
    ['{{range split "a/b/c" "/"}}{{.}} {{end}}', 'a b c '],
    ['{{lower "AB"}}{{upper "ab"}}{{title "hello wOrld"}}', 'abABHello WOrld'],
    ['{{truncate .Id 3}} {{truncate "ab" 5}}', 'abc ab'],
    ['[{{pad .Name 2 1}}][{{pad "" 2 1}}]', '[  web ][]'],
    ['{{html "<a b=\'c\'>"}} {{urlquery "a b&c"}} {{js "it\'s"}}', "&lt;a b=&#39;c&#39;&gt; a+b%26c it\\'s"],
    // methods
    ['{{.Label "x"}} {{.Now}} {{"y" | .Label}}', 'label x method label y'],
    // white space and comments
    ['a  {{- /* gone */ -}}  b', 'ab'],
    ['a {{/* gone */}} b', 'a  b'],
    ['a \n {{- .Name -}} \t b', 'awebb'],
    ['{{range .Tags -}} {{.}} {{- end}}', 'bac'],
    ['{{- "x" -}}', 'x'],
    ['{{if .Running -}}\n  up\n{{- end}}', 'up'],
    ['{{  .Name\n}}', 'web'],
    // define, template, block
    ['{{define "t"}}[{{.}}]{{end}}{{template "t" .Name}}', '[web]'],
    ['{{block "b" .State}}{{.Pid}}{{end}}', '42'],
    ['{{template "later" .}}{{define "later"}}{{.Id}}{{end}}', 'abc123'],
    ['{{define "down"}}{{if .}}{{.}}{{template "down" (slice . 1)}}{{end}}{{end}}{{template "down" "abc"}}', 'abcbcc'],
  ];
  it.each(cases)('%s', (template, expected) => {
    expect(render(template)).toBe(expected);
  });
});

describe('a template that makes no sense is refused with line and column', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{{.Foo}}', "INVALID: template: 1:3: can't evaluate field Foo in type struct"],
    ['a\n {{.State.Foo}}', "INVALID: template: 2:4: can't evaluate field Foo in type struct"],
    ['{{.Name.Foo}}', "INVALID: template: 1:3: can't evaluate field Foo in type string"],
    ['{{.id}}', "INVALID: template: 1:3: can't evaluate field id in type struct"],
    ['{{.constructor}}', "INVALID: template: 1:3: can't evaluate field constructor in type struct"],
    ['{{.__proto__}}', "INVALID: template: 1:3: can't evaluate field __proto__ in type struct"],
    ['{{.Tags.length}}', "INVALID: template: 1:3: can't evaluate field length in type []any"],
    ['{{.State.Health.Status}}', 'INVALID: template: 1:3: <.State.Health.Status>: nil data; no entry for key "Status"'],
    ['{{.Name', 'INVALID: template: 1:1: unclosed action'],
    ['{{', 'INVALID: template: 1:1: unclosed action'],
    ['{{}}', 'INVALID: template: 1:3: missing value for action'],
    ['{{if}}x{{end}}', 'INVALID: template: 1:5: missing value for if'],
    ['{{if .Name}}x', 'INVALID: template: 1:1: unexpected EOF: {{if}} has no {{end}}'],
    ['{{end}}', 'INVALID: template: 1:1: unexpected {{end}}'],
    ['{{else}}', 'INVALID: template: 1:1: unexpected {{else}}'],
    ['{{if .Name}}a{{else}}b{{else}}c{{end}}', 'INVALID: template: 1:23: expected end; found {{else}}'],
    ['{{nofunc .}}', 'INVALID: template: 1:3: function "nofunc" not defined'],
    ['{{$x}}', 'INVALID: template: 1:3: undefined variable "$x"'],
    ['{{$x = 1}}', 'INVALID: template: 1:6: undefined variable "$x"'],
    ['{{"abc}}', 'INVALID: template: 1:3: unterminated quoted string'],
    ['{{`abc}}', 'INVALID: template: 1:3: unterminated raw quoted string'],
    ["{{'ab'}}", 'INVALID: template: 1:3: malformed character constant'],
    ['{{"\\q"}}', 'INVALID: template: 1:3: unknown escape sequence \\q'],
    ['{{/* open}}', 'INVALID: template: 1:1: unclosed comment'],
    ['{{.Name !}}', 'INVALID: template: 1:9: unexpected "!" in action'],
    ['{{(.Name}}', 'INVALID: template: 1:9: unclosed left paren'],
    ['{{.Name | }}', 'INVALID: template: 1:11: missing value for action'],
    ['{{.Name | 3}}', 'INVALID: template: 1:11: non executable command in pipeline stage 2'],
    ['{{break}}', 'INVALID: template: 1:1: {{break}} outside {{range}}'],
    ['{{template "x"}}', 'INVALID: template: 1:1: template "x" not defined'],
    ['{{template x}}', 'INVALID: template: 1:12: unexpected "x" in template clause'],
    ['{{index .Tags 9}}', 'INVALID: template: 1:3: error calling index: index out of range: 9'],
    ['{{index .Missing 0}}', 'INVALID: template: 1:3: error calling index: index of untyped nil'],
    ['{{(index (index .NetworkSettings.Ports "9/tcp") 0).HostPort}}', 'INVALID: template: 1:4: error calling index: index out of range: 0'],
    ['{{len 3}}', 'INVALID: template: 1:3: error calling len: len of type int'],
    ['{{eq 1 "1"}}', 'INVALID: template: 1:3: error calling eq: incompatible types for comparison'],
    ['{{lt .Tags 1}}', 'INVALID: template: 1:3: error calling lt: incompatible types for comparison'],
    ['{{upper 3}}', 'INVALID: template: 1:3: error calling upper: wrong type for value; expected string; got int'],
    ['{{json}}', 'INVALID: template: 1:3: error calling json: wrong number of args: want 1 got 0'],
    ['{{.Name "x"}}', 'INVALID: template: 1:3: Name has arguments but cannot be invoked as function'],
    ['{{range .Name}}{{end}}', "INVALID: template: 1:9: range can't iterate over web"],
    ['{{printf "%9999999d" 1}}', 'INVALID: template: 1:3: error calling printf: width 9999999 is out of range'],
    ['{{pad "x" 99999999 0}}', 'INVALID: template: 1:3: error calling pad: padding 99999999 is out of range'],
  ];
  it.each(cases)('%s', (template, message) => {
    expect(failure(template)).toBe(message);
  });
});

describe('hostile templates end in an error, not in a crash', () => {
  it('refuses parentheses nested without end', () => {
    expect(failure(`{{${'('.repeat(100_000)}1${')'.repeat(100_000)}}}`)).toMatch(/^INVALID: .*nested more than 100 deep/);
  });
  it('refuses blocks nested without end', () => {
    expect(failure('{{if 1}}'.repeat(50_000))).toMatch(/^INVALID: .*nested more than 100 deep/);
  });
  it('stops a template that calls itself', () => {
    expect(failure('{{define "t"}}{{template "t" .}}{{end}}{{template "t" .}}')).toBe('INVALID: template: 1:15: exceeded maximum template depth (100)');
  });
  it('survives a long chain of else ifs within bounds', () => {
    expect(render(`{{if 0}}a${'{{else if 0}}b'.repeat(50)}{{else}}z{{end}}`)).toBe('z');
  });
  it('survives random fragments of templates', () => {
    const parts = ['{{', '}}', '{{-', '-}}', '.', '.Name', '$x', ':=', '=', '(', ')', '|', '"', '`', "'", 'if', 'range', 'end', 'else', 'with', ' ', '/*', '*/', 'define', '1', ',', '\\', 'é', 'eq', 'template'];
    let seed = 7;
    for (let round = 0; round < 3000; round += 1) {
      let text = '';
      for (let length = 0; length < 14; length += 1) {
        seed = (seed * 1103515245 + 12345) % 2147483648;
        text += parts[seed % parts.length];
      }
      try {
        render(text);
      } catch (error) {
        expect((error as { code?: string }).code, `${text}: ${(error as Error).stack}`).toBe('INVALID');
      }
    }
  });
});

describe('text from data', () => {
  it('cannot steer a terminal, but keeps its lines', () => {
    expect(render('{{.}}', 'a\u001b[31mred\nb\u009b')).toBe('a\\x1b[31mred\nb\\x9b');
  });
  it('is harmless as JSON too', () => {
    expect(render('{{json .}}', 'a\u001b\u009b')).toBe('"a\\u001b\\u009b"');
  });
});

describe('headings', () => {
  it('spell out field names', () => {
    expect(['ID', 'RunningFor', 'CreatedAt', 'PidNS', 'HTTPPort', 'Names'].map(headingOf)).toEqual(['ID', 'RUNNING FOR', 'CREATED AT', 'PID NS', 'HTTP PORT', 'NAMES']);
  });
  it('stand where values would, through functions, conditions and ranges', () => {
    const heading = (text: string): string => compileTemplate(text).execute({}, { headings: { ID: 'CONTAINER ID' } });
    expect(heading('{{.ID}}|{{upper .Names}}|{{json .Ports}}|{{truncate .Image 20}}')).toBe('CONTAINER ID|NAMES|"PORTS"|IMAGE');
    expect(heading('{{if .State}}{{.State}}{{end}}|{{.Label "com.example.build-date"}}|{{range .Mounts}}{{.}}{{end}}')).toBe('STATE|BUILD DATE|MOUNTS');
    expect(heading('{{index .Labels "x"}}|{{join .Names ","}}|{{.State.Pid}}')).toMatch(/\|NAMES\|PID$/);
  });
});
