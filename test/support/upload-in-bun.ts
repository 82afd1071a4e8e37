/** Run by Bun: sends a file to each address given, watched, and prints what came of each as a line of JSON. */
import { openTransport } from '../../src/registry/transport.ts';

const [file = '', size = '', ...addresses] = process.argv.slice(2);
const length = Number(size);
const transport = openTransport({ tls: { verify: true }, limits: { response: 1000, stall: 1000 } });
for (const address of addresses) {
  const outcome: Record<string, unknown> = {};
  const told: number[] = [];
  try {
    const body = { file, offset: 1, length, watched: true, onSent: (bytes: number) => void told.push(bytes) };
    const response = await transport.exchange({ method: 'PUT', url: new URL(address), headers: { 'content-length': `${length}` }, body });
    response.body.drain();
    outcome['status'] = response.status;
  } catch (error) {
    outcome['code'] = (error as { code?: unknown }).code;
  }
  const rising = told.every((bytes, index) => index === 0 || bytes > (told[index - 1] ?? 0));
  console.log(JSON.stringify({ ...outcome, inSteps: told.length > 3, rising, all: told.at(-1) === length }));
}
transport.close();
