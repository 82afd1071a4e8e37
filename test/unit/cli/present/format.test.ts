import { describe, expect, it } from 'vitest';
import { isJsonFormat, renderJson, renderObject, renderRows } from '../../../../src/cli/present/format.ts';

const rows = [
  { ID: '0123456789ab', Names: 'web', Ports: '' },
  { ID: 'fedcba987654', Names: 'a-rather-long-name', Ports: '80/tcp' },
];
const options = { headings: { ID: 'CONTAINER ID' } };

describe('--format', () => {
  it('renders one line per object', () => {
    expect(renderRows(rows, '{{.ID}} {{.Names}}', options)).toBe('0123456789ab web\nfedcba987654 a-rather-long-name\n');
  });
  it('takes \\t and \\n as tab and newline, as shells do not', () => {
    expect(renderRows(rows, '{{.ID}}\\t{{.Names}}\\n', options)).toBe('0123456789ab\tweb\nfedcba987654\ta-rather-long-name\n');
  });
  it('takes a template as it came where that replacement would spoil it', () => {
    expect(renderRows(rows, '{{printf "%s\\n" .Names}}', options)).toBe('web\n\na-rather-long-name\n\n');
    expect(renderObject({ Env: ['A=1', 'B=2'] }, '{{range .Env}}{{println .}}{{end}}')).toBe('A=1\nB=2\n\n');
  });
  it('gives a template with a range of its own all objects at once', () => {
    expect(renderRows(rows, '{{range .}}<{{.Names}}>{{end}}', options)).toBe('<web><a-rather-long-name>\n');
    expect(renderRows(rows, '{{range .}}{{.Names}}\\n{{end -}}', options)).toBe('web\na-rather-long-name\n');
  });
  it('aligns tables and heads them', () => {
    const expected = ['CONTAINER ID  NAMES               PORTS', '0123456789ab  web', 'fedcba987654  a-rather-long-name  80/tcp', ''].join('\n');
    expect(renderRows(rows, 'table {{.ID}}\\t{{.Names}}\\t{{.Ports}}', options)).toBe(expected);
    expect(renderRows(rows, 'table {{.ID}} {{.Names}} {{.Ports}}', options)).toBe(expected);
    expect(renderRows(rows, 'table {{.ID}}', { ...options, noHeading: true })).toBe('0123456789ab\nfedcba987654\n');
    expect(renderRows([], 'table {{.ID}}\\t{{.Names}}', options)).toBe('CONTAINER ID  NAMES\n');
  });
  it('keeps spaces within the actions of a table', () => {
    expect(renderRows(rows, 'table {{.Names}} {{if eq .Ports ""}}no port{{else}}{{.Ports}}{{end}}', options)).toContain('a-rather-long-name  80/tcp\n');
  });
  it('prints one JSON object per line for {{json .}} and a document for json', () => {
    expect(renderRows(rows, '{{json .}}', options)).toBe(`${JSON.stringify(rows[0])}\n${JSON.stringify(rows[1])}\n`);
    expect([isJsonFormat('json'), isJsonFormat('{{json .}}'), isJsonFormat('{{.ID}}'), isJsonFormat(undefined)]).toEqual([true, false, false, false]);
    expect(renderJson([{ a: '\u009b' }], 4)).toBe('[\n    {\n        "a": "\\u009b"\n    }\n]\n');
  });
  it('says what is wrong with a template even where nothing is to be shown', () => {
    expect(() => renderRows([], '{{.ID', options)).toThrow('template: 1:1: unclosed action');
  });
});
