import { afterEach, beforeEach, expect, test } from 'vitest'
import { WireService } from '../../client/test/wire-service.js'
import { type IntrospectionOptions, introspection } from '../src/index.js'
import { mint, verifierOf } from './support/zone.js'

let service: WireService
let active: boolean
beforeEach(async () => {
  service = await WireService.start()
  active = true
  service.other = ({ form }) => {
    const [, payload = ''] = (form.get('token') ?? '').split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    return { body: active ? { active: true, token_type: 'Bearer', ...claims } : { active: false } }
  }
})
afterEach(() => service.stop())

const check = (more: Partial<IntrospectionOptions> = {}) => {
  const issuer = `${service.url}/zones/zone-1`
  const revocation = introspection({ issuer, applicationId: 'bank-api', clientSecret: 'api-secret', ...more })
  const verifier = verifierOf({ revocation })
  return async (token: string) => {
    const outcome = await verifier.authorize(`Bearer ${token}`)
    return outcome.ok ? 'ok' : outcome.refusal.code
  }
}

test('the service is asked about the mandate, by the application that serves the resource', async () => {
  const token = await mint()
  expect(await check()(token)).toBe('ok')
  const [request] = service.requests
  expect(request?.path).toBe('/zones/zone-1/oauth/2/introspect')
  expect(Object.fromEntries(request?.form ?? [])).toEqual({ token, client_id: 'bank-api', client_secret: 'api-secret' })
})

test('a revocation counts at the next request', async () => {
  const token = await mint()
  const outcome = check()
  expect(await outcome(token)).toBe('ok')
  active = false
  expect(await outcome(token)).toBe('invalid_token')
})

test('a cached yes is believed for as long as was allowed; a no is never', async () => {
  let now = Date.now()
  const token = await mint()
  const outcome = check({ cacheMs: 2_000, now: () => now })
  expect(await Promise.all([outcome(token), outcome(token), outcome(token)])).toEqual(['ok', 'ok', 'ok'])
  expect(service.requests).toHaveLength(1)
  active = false
  now += 1_999
  expect(await outcome(token)).toBe('ok')
  now += 1
  expect(await outcome(token)).toBe('invalid_token')
  active = true
  expect(await outcome(token)).toBe('ok')
})

test('what cannot be asked is not let through', async () => {
  const token = await mint()
  const troubles = [
    'lost',
    { status: 503, body: {} },
    { status: 401, body: { error: 'invalid_client' } },
    { body: {} },
  ] as const
  for (const trouble of troubles) {
    service.other = () => trouble
    expect(await check()(token)).toBe('temporarily_unavailable')
  }
  service.other = () => 'held'
  expect(await check({ timeoutMs: 50 })(token)).toBe('temporarily_unavailable')
})

test('a yes about another mandate is a no', async () => {
  service.other = () => ({ body: { active: true, jti: 'another' } })
  expect(await check()(await mint())).toBe('invalid_token')
})

test('tokens that are wrong in themselves are not asked about', async () => {
  await check()(await mint({ exp: 1 }))
  await check()('nonsense')
  expect(service.requests).toHaveLength(0)
})
