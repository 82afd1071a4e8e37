/** Run by Bun: makes one exchange for each address given, and prints what came of each as a line of JSON. AUTHORITY is trusted, where given. */
import { explainConnectionFailure } from '../../src/registry/errors.ts';
import { openTransport } from '../../src/registry/transport.ts';

const authority = process.env['AUTHORITY'];
const tls = { verify: true, ...(authority === undefined ? {} : { authorities: [authority] }) };
const patient = openTransport({ tls });
const impatient = openTransport({ tls, limits: { response: 300 } });
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
    outcome['told'] = explainConnectionFailure(error, new URL(address), { verb: 'reach', subject: 'it', registry: 'it', authenticated: false }).message;
  }
  console.log(JSON.stringify(outcome));
}
patient.close();
impatient.close();
