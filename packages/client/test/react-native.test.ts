import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type * as Client from '../src/index.js'
import { build } from './support/build.js'
import { metroBundle } from './support/metro-bundle.js'
import { runAsReactNative } from './support/react-native-globals.js'
import { decision, issued, WireService } from './wire-service.js'

let code = ''
let modules = ''
let service: WireService
beforeAll(async () => {
  await build('client')
  code = await metroBundle("globalThis.client = require('@countersign/client')", ['client', 'protocol'])
  // Without Metro's own prelude, and without what comments talk about.
  modules = code.slice(code.indexOf('\n__d(')).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  service = await WireService.start()
})
afterAll(() => service.stop())

const inReactNative = () => runAsReactNative(code).client as typeof Client

describe('bundled by Metro, where there is only what React Native has', () => {
  test('the bundle holds the client and not the verifier', () => {
    expect(modules.includes('class OAuthClient')).toBe(true)
    for (const absent of ['subtle', 'importKey', 'jwks']) expect(modules.includes(absent)).toBe(false)
  })

  test.each([
    'node:',
    'structuredClone',
    'TextDecoder',
    'TextEncoder',
    'crypto',
    '.origin',
    'Buffer',
    'new URL(',
    'URLSearchParams',
    'DOMException',
    'btoa',
    'AbortSignal.',
  ])('nothing asks for %s', (name) => {
    expect(modules.includes(name)).toBe(false)
  })

  test('an exchange, its step-up and its cancellation work', async () => {
    const { OAuthClient, InteractionRequiredError } = inReactNative()
    service.token = ({ form }) => (form.has('challenge_id') ? issued() : service.pause())
    const client = new OAuthClient(service.url, 'zone-1', 'app-1', { clientSecret: 'x' })
    const mandate = await client.exchangeWithStepUp('user-token', 'https://a.example', {
      onChallenge: (challenge) => {
        expect(challenge).toBeInstanceOf(InteractionRequiredError)
        service.settle(challenge.challengeId, 'satisfied')
      },
    })
    expect(mandate.accessToken).toMatch(/^mandate-/)
    const gaveUp = new Error('closed')
    const cancelled = client.exchangeWithStepUp('other-token', undefined, { onChallenge: () => Promise.reject(gaveUp) })
    await expect(cancelled).rejects.toBe(gaveUp)
    await expect.poll(() => service.requests.at(-1)?.method).toBe('DELETE')
  })

  test('a decision, its cache, its timeout and its bad queries work', async () => {
    const { DecisionClient } = inReactNative()
    const client = new DecisionClient(service.url, 'zone-1', {
      applicationId: 'app',
      clientSecret: 'x',
      cache: { ttlMs: 1_000 },
    })
    const query = { subject: { type: 'user', id: 'alice' }, permission: 'p', context: { at: new Date() } }
    service.decisions = () => ({ body: { data: decision() } })
    expect(await client.can(query)).toBe(true)
    expect(await client.check({ ...query, context: { n: 1n } })).toMatchObject({ reason: 'invalid query' })
    service.decisions = () => 'held'
    expect(await client.check({ ...query, permission: 'q' }, { timeoutMs: 50 })).toMatchObject({ reason: 'timeout' })
  })

  test('a resource server is answered with a step-up', async () => {
    const { stepUpFetch } = inReactNative()
    service.other = ({ headers }) =>
      headers.authorization === 'Bearer strong'
        ? { body: {} }
        : { status: 401, headers: { 'www-authenticate': 'Bearer error="insufficient_user_authentication"' }, body: {} }
    const api = stepUpFetch({ token: () => 'weak', stepUp: () => 'strong' })
    expect((await api(`${service.url}/api`)).status).toBe(200)
  })
})
