import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TestService } from '../support/service.js'
import { PAYMENTS } from '../support/world.js'
import { type Given, given, localService } from './local-service.js'

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const options = { [oauth.allowInsecureRequests]: true }

let service: TestService
let zone: Given
let server: oauth.AuthorizationServer

beforeAll(async () => {
  service = await localService()
  zone = await given(service)
  const response = await oauth.discoveryRequest(zone.issuer, { algorithm: 'oauth2', ...options })
  server = await oauth.processDiscoveryResponse(zone.issuer, response)
})
afterAll(() => service.close())

/** How an application authenticates, and what the library needs for it. */
const METHODS: { readonly [method: string]: () => readonly [oauth.Client, oauth.ClientAuth] } = {
  client_secret_basic: () => [
    { client_id: zone.world.application.id },
    oauth.ClientSecretBasic(zone.world.application.secret),
  ],
  client_secret_post: () => [
    { client_id: zone.world.application.id },
    oauth.ClientSecretPost(zone.world.application.secret),
  ],
  private_key_jwt: () => [{ client_id: zone.byKey.id }, oauth.PrivateKeyJwt({ key: zone.byKey.privateKey, kid: 'a' })],
}

async function exchange(
  [client, authentication]: readonly [oauth.Client, oauth.ClientAuth],
  parameters: Record<string, string>,
): Promise<oauth.TokenEndpointResponse> {
  const response = await oauth.genericTokenEndpointRequest(
    server,
    client,
    authentication,
    TOKEN_EXCHANGE,
    parameters,
    options,
  )
  return oauth.processGenericTokenEndpointResponse(server, client, response)
}

/** The error that a request ends in. */
async function refusal(request: Promise<unknown>): Promise<unknown> {
  return request.then(
    () => {
      throw new Error('the request was not refused')
    },
    (error: unknown) => error,
  )
}

describe('oauth4webapi', () => {
  test('discovers every endpoint of a zone from its issuer alone', () => {
    expect(server).toMatchObject({
      issuer: zone.issuer.href,
      token_endpoint: `${zone.issuer.href}/oauth/2/token`,
      jwks_uri: `${zone.issuer.href}/.well-known/jwks.json`,
      grant_types_supported: [TOKEN_EXCHANGE],
      token_endpoint_auth_methods_supported: Object.keys(METHODS),
    })
  })

  for (const [method, client] of Object.entries(METHODS)) {
    test(`goes by ${method} from nothing to a session mandate, a pause, and the mandate that it asked for`, async () => {
      const session = await exchange(client(), {})
      expect(session).toMatchObject({ token_type: 'bearer', issued_token_type: ACCESS_TOKEN })
      expect(session.expires_in).toBeGreaterThan(3590)

      const asked = {
        subject_token: session.access_token,
        subject_token_type: ACCESS_TOKEN,
        resource: PAYMENTS,
        scope: 'transfer',
      }
      const error = await refusal(exchange(client(), asked))
      if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error
      expect(error.status).toBe(401)
      expect(error.cause).toMatchObject([{ scheme: 'bearer', parameters: { error: 'interaction_required' } }])
      const pause = await error.response.json()
      expect(pause).toMatchObject({
        error: 'interaction_required',
        challenge_type: 'mfa',
        acr_values: 'aal2',
        challenge_id: expect.any(String),
        challenge_secret: expect.any(String),
        challenge_expires_at: expect.any(String),
      })

      const proof = { challenge_id: pause.challenge_id, challenge_response: pause.challenge_secret }
      const early = await refusal(exchange(client(), { ...asked, ...proof }))
      if (!(early instanceof oauth.WWWAuthenticateChallengeError)) throw early
      const again = await early.response.json()
      expect(again.challenge_id).toBe(pause.challenge_id)
      expect(again).not.toHaveProperty('challenge_secret')

      await zone.prove(pause.challenge_id)
      const mandate = await exchange(client(), { ...asked, ...proof })
      expect(mandate).toMatchObject({ token_type: 'bearer', scope: 'transfer', target_resources: [PAYMENTS] })
      expect(mandate.expires_in).toBeLessThanOrEqual(900)
    })
  }

  test('reads a refusal that is not a pause, with its code, by its own error types', async () => {
    const [client] = METHODS.client_secret_basic?.() ?? []
    if (client === undefined) throw new Error('no client')
    const stranger = await refusal(exchange([client, oauth.ClientSecretBasic('not the secret')], {}))
    if (!(stranger instanceof oauth.WWWAuthenticateChallengeError)) throw stranger
    expect(stranger.cause).toMatchObject([{ scheme: 'basic' }])
    expect(await stranger.response.json()).toMatchObject({ error: 'invalid_client', requestId: expect.any(String) })

    const known = [client, oauth.ClientSecretBasic(zone.world.application.secret)] as const
    const target = await refusal(exchange(known, { resource: 'resource://elsewhere', scope: 'transfer' }))
    if (!(target instanceof oauth.ResponseBodyError)) throw target
    expect(target).toMatchObject({ status: 400, error: 'invalid_target' })
    expect(target.cause.requestId).toEqual(expect.any(String))
  })

  test('is told when it names a target by audience, and gets no mandate that passes it over', async () => {
    const [client] = METHODS.client_secret_basic?.() ?? []
    if (client === undefined) throw new Error('no client')
    const known = [client, oauth.ClientSecretBasic(zone.world.application.secret)] as const
    for (const targets of [{ audience: PAYMENTS }, { audience: PAYMENTS, resource: PAYMENTS, scope: 'transfer' }]) {
      const refused = await refusal(exchange(known, targets))
      if (!(refused instanceof oauth.ResponseBodyError)) throw refused
      expect(refused).toMatchObject({ status: 400, error: 'invalid_target' })
    }
  })

  test('introspects and revokes what it was given', async () => {
    const [client, authentication] = METHODS.private_key_jwt?.() ?? []
    if (client === undefined || authentication === undefined) throw new Error('no client')
    const { access_token: token } = await exchange([client, authentication], {})
    const introspect = async () => {
      const response = await oauth.introspectionRequest(server, client, authentication, token, options)
      return oauth.processIntrospectionResponse(server, client, response)
    }
    expect(await introspect()).toMatchObject({ active: true, client_id: zone.byKey.id, iss: zone.issuer.href })
    await oauth.processRevocationResponse(await oauth.revocationRequest(server, client, authentication, token, options))
    expect(await introspect()).toEqual({ active: false })
  })
})
