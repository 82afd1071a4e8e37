/** Run by Bun: makes one exchange for each address given, and prints what came of each as a line of JSON. */
import { openTransport } from '../../src/registry/transport.ts';

const patient = openTransport({ tls: { verify: true } });
const impatient = openTransport({ tls: { verify: true }, limits: { response: 300 } });
for (const address of process.argv.slice(2)) {
  const outcome: Record<string, unknown> = {};
  try {
    const { status, headers, body } = await (address.endsWith('/silent') ? impatient : patient).exchange({ method: address.endsWith('/head') ? 'HEAD' : 'GET', url: new URL(address) });
    Object.assign(outcome, { status, length: headers['content-length'], challenge: headers['www-authenticate'] });
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk);
    Object.assign(outcome, { body: Buffer.concat(chunks).toString('latin1'), complete: body.complete });
  } catch (error) {
    outcome['code'] = (error as { code?: unknown }).code;
  }
  console.log(JSON.stringify(outcome));
}
patient.close();
impatient.close();
