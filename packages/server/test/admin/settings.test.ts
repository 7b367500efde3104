import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openWebhookSecret } from '../../src/authority/settings/webhook-secret.js'
import { createSealer } from '../../src/store/seal.js'
import { type Client, newZone, type TestService, testService } from './support/client.js'

let service: TestService
let zone: Client

beforeAll(async () => {
  service = await testService()
  zone = await newZone(service)
})
afterAll(() => service.close())

const DEFAULTS = { aal2_max_age: 86_400, aal2_max_idle: 3_600, aal3_max_age: 43_200, aal3_max_idle: 900 }

async function stored(): Promise<{ webhook?: { url: string; secret_sealed: string } }> {
  const database = new pg.Client({ connectionString: service.database.url })
  await database.connect()
  const { rows } = await database.query('SELECT settings FROM countersign.zones WHERE id = $1', [zone.zoneId])
  await database.end()
  return rows[0].settings
}

test('a new zone has the standard’s limits, no webhook, and records one allow in a hundred', async () => {
  const settings = { webhook: null, assurance: DEFAULTS, decisions: { sampled_allows: 0.01 } }
  expect(await zone.ok('GET', '/settings')).toEqual(settings)
})

test('which share of the allows is recorded is between none and all, kept while others change, and forgotten', async () => {
  for (const share of [0, 0.25, 1]) {
    const changed = await zone.ok('PATCH', '/settings', { decisions: { sampled_allows: share } })
    expect(changed.decisions).toEqual({ sampled_allows: share })
    await zone.ok('PATCH', '/settings', { assurance: { aal2_max_age: 600 } })
    expect((await zone.ok('GET', '/settings')).decisions).toEqual({ sampled_allows: share })
  }
  for (const wrong of [-0.1, 1.1, '1', true]) {
    const refused = await zone.send('PATCH', '/settings', { decisions: { sampled_allows: wrong } })
    expect([refused.status, refused.body.code]).toEqual([400, 'invalid_body'])
  }
  const back = { decisions: { sampled_allows: null }, assurance: { aal2_max_age: null } }
  expect((await zone.ok('PATCH', '/settings', back)).decisions).toEqual({ sampled_allows: 0.01 })
})

test('limits tighten, never loosen, and go back to the standard’s', async () => {
  const tight = await zone.ok('PATCH', '/settings', { assurance: { aal2_max_age: 600 } })
  expect(tight.assurance).toEqual({ ...DEFAULTS, aal2_max_age: 600 })
  const more = await zone.ok('PATCH', '/settings', { assurance: { aal3_max_idle: 60 } })
  expect(more.assurance).toEqual({ ...DEFAULTS, aal2_max_age: 600, aal3_max_idle: 60 })
  for (const [limit, loosest] of Object.entries(DEFAULTS)) {
    const refused = await zone.send('PATCH', '/settings', { assurance: { [limit]: loosest + 1 } })
    expect([refused.status, refused.body.code]).toEqual([422, 'assurance_loosened'])
    const senseless = await zone.send('PATCH', '/settings', { assurance: { [limit]: 0 } })
    expect([senseless.status, senseless.body.code]).toEqual([400, 'invalid_body'])
  }
  const back = await zone.ok('PATCH', '/settings', { assurance: { aal2_max_age: null, aal3_max_idle: null } })
  expect(back.assurance).toEqual(DEFAULTS)
})

test('a webhook’s secret is shown when it is made, kept sealed, and kept when the URL changes', async () => {
  const made = await zone.ok('PATCH', '/settings', { webhook: { url: 'https://hooks.example/a' } })
  const { secret } = made.webhook as { secret: string }
  expect(secret).toMatch(/^cswh_[\w-]{43}$/)
  expect((await zone.ok('GET', '/settings')).webhook).toEqual({ url: 'https://hooks.example/a' })
  const sealer = createSealer(service.config.kek)
  const held = (await stored()).webhook
  expect(JSON.stringify(held)).not.toContain(secret)
  expect(openWebhookSecret(sealer, zone.zoneId, held?.secret_sealed ?? '')).toBe(secret)
  const moved = await zone.ok('PATCH', '/settings', { webhook: { url: 'https://hooks.example/b' } })
  expect(moved.webhook).toEqual({ url: 'https://hooks.example/b' })
  expect((await stored()).webhook?.secret_sealed).toBe(held?.secret_sealed)
  const own = 'a-secret-of-ones-own-32-characters'
  const given = await zone.ok('PATCH', '/settings', { webhook: { url: 'https://hooks.example/b', secret: own } })
  expect(given.webhook).toEqual({ url: 'https://hooks.example/b' })
  expect(openWebhookSecret(sealer, zone.zoneId, (await stored()).webhook?.secret_sealed ?? '')).toBe(own)
  expect((await zone.ok('PATCH', '/settings', { webhook: null })).webhook).toBeNull()
})

test.each(['ftp://a', 'not a url', 'https://user:pass@hooks.example', 'https://hooks.example/#a'])(
  'the webhook %s is refused',
  async (url) => {
    const refused = await zone.send('PATCH', '/settings', { webhook: { url } })
    expect([refused.status, refused.body.code]).toEqual([422, 'invalid_url'])
  },
)

test('without leave for private addresses a webhook and issuers’ keys are https, on this machine too', async () => {
  const strict = await testService({ config: { allowPrivateAddresses: false } })
  try {
    const own = await newZone(strict)
    const hook = (url: string) => own.send('PATCH', '/settings', { webhook: { url } })
    const issuer = (jwks_uri: string) =>
      own.send('POST', '/subject-issuers', { issuer: 'https://idp.example', audience: 'a', jwks_uri })
    // What would be refused when it is fetched is refused when it is said.
    for (const host of ['hooks.example', '127.0.0.1:9', 'localhost:9', '[::1]:9']) {
      for (const refused of [await hook(`http://${host}`), await issuer(`http://${host}`)]) {
        expect([refused.status, refused.body.code]).toEqual([422, 'insecure_url'])
      }
    }
    expect((await hook('https://hooks.example')).status).toBe(200)
  } finally {
    await strict.close()
  }
})

test('settings share the zone’s version', async () => {
  const { headers } = await zone.send('GET', '/settings')
  const tag = headers.get('etag') ?? ''
  await zone.ok('PATCH', '', { name: 'Renamed' })
  const stale = await zone.send('PATCH', '/settings', { webhook: null }, { headers: { 'if-match': tag } })
  expect([stale.status, stale.body.code]).toEqual([412, 'version_mismatch'])
})
