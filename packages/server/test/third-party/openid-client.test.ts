import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TestService } from '../support/service.js'
import { PAYMENTS } from '../support/world.js'
import { type Given, given, localService } from './local-service.js'

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

let service: TestService
let zone: Given

beforeAll(async () => {
  service = await localService()
  zone = await given(service)
})
afterAll(() => service.close())

const METHODS: { readonly [method: string]: () => readonly [string, client.ClientAuth] } = {
  client_secret_basic: () => [zone.world.application.id, client.ClientSecretBasic(zone.world.application.secret)],
  client_secret_post: () => [zone.world.application.id, client.ClientSecretPost(zone.world.application.secret)],
  private_key_jwt: () => [zone.byKey.id, client.PrivateKeyJwt({ key: zone.byKey.privateKey, kid: 'a' })],
}

function discover([id, authentication]: readonly [string, client.ClientAuth]): Promise<client.Configuration> {
  return client.discovery(zone.issuer, id, undefined, authentication, {
    algorithm: 'oauth2',
    execute: [client.allowInsecureRequests],
  })
}

async function challengeOf(request: Promise<unknown>): Promise<client.WWWAuthenticateChallengeError> {
  const error = await request.then(
    () => new Error('the request was not refused'),
    (reason: unknown) => reason,
  )
  if (error instanceof client.WWWAuthenticateChallengeError) return error
  throw error
}

describe('openid-client', () => {
  for (const [method, credentials] of Object.entries(METHODS)) {
    test(`discovers the zone and goes by ${method} through a pause to the mandate`, async () => {
      const config = await discover(credentials())
      expect(config.serverMetadata().issuer).toBe(zone.issuer.href)

      const session = await client.genericGrantRequest(config, TOKEN_EXCHANGE, {})
      expect(session.expiresIn()).toBeGreaterThan(3590)
      const asked = {
        subject_token: session.access_token,
        subject_token_type: ACCESS_TOKEN,
        resource: PAYMENTS,
        scope: 'transfer',
      }
      const error = await challengeOf(client.genericGrantRequest(config, TOKEN_EXCHANGE, asked))
      expect(error.cause).toMatchObject([{ scheme: 'bearer', parameters: { error: 'interaction_required' } }])
      const pause = await error.response.json()
      expect(pause).toMatchObject({ error: 'interaction_required', challenge_type: 'mfa', acr_values: 'aal2' })

      await zone.prove(pause.challenge_id)
      const proof = { challenge_id: pause.challenge_id, challenge_response: pause.challenge_secret }
      const mandate = await client.genericGrantRequest(config, TOKEN_EXCHANGE, { ...asked, ...proof })
      expect(mandate).toMatchObject({ token_type: 'bearer', scope: 'transfer', target_resources: [PAYMENTS] })

      const replay = await challengeOf(client.genericGrantRequest(config, TOKEN_EXCHANGE, { ...asked, ...proof }))
      expect(await replay.response.json()).toMatchObject({
        error: 'access_denied',
        error_description: expect.stringMatching(/^challenge_invalid: /),
      })
    })
  }

  test('reads what is no pause through ResponseBodyError', async () => {
    const config = await discover([zone.world.application.id, client.ClientSecretPost(zone.world.application.secret)])
    const asked = { resource: PAYMENTS, scope: 'transfer unheard-of' }
    await expect(client.genericGrantRequest(config, TOKEN_EXCHANGE, asked)).rejects.toMatchObject({
      name: 'ResponseBodyError',
      error: 'invalid_scope',
      status: 400,
      cause: { requestId: expect.any(String) },
    })
  })

  // Revoking a session mandate ends the session, which for an application is the one that it has: hence last.
  test('introspects and revokes', async () => {
    const config = await discover([zone.world.application.id, client.ClientSecretPost(zone.world.application.secret)])
    const { access_token: token } = await client.genericGrantRequest(config, TOKEN_EXCHANGE, {})
    expect(await client.tokenIntrospection(config, token)).toMatchObject({ active: true, token_type: 'Bearer' })
    await client.tokenRevocation(config, token)
    expect(await client.tokenIntrospection(config, token)).toEqual({ active: false })
  })
})
