/** Trying a login: distribution-spec, "Determining Support" is the one request every registry answers, and asks a login for. */
import { ScullError } from '../host/errors.ts';
import { expectStatus, type RegistryRequest, type RegistrySession } from './session.ts';
import { discardBody } from './transport.ts';

/** @throws ScullError UNAUTHORIZED when the session's credentials are refused; REGISTRY, NETWORK */
export async function checkLogin(session: RegistrySession): Promise<void> {
  const request: RegistryRequest = { method: 'GET', target: '/v2/', scope: '', verb: 'log in to', subject: session.registry };
  const response = await session.send(request);
  if (response.status === 401) {
    discardBody(response);
    throw new ScullError('UNAUTHORIZED', `cannot log in to ${session.registry}: it refuses this user name or password`);
  }
  discardBody(await expectStatus(session, request, response, [200]));
}
