import { AALS, type Aal, compareAal } from '@countersign/protocol'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { admin } from '../support/world.js'
import { type Client, newToken, newZone, type TestService, testService } from './support/client.js'

let service: TestService
let zone: Client
let other: Client

beforeAll(async () => {
  service = await testService()
  zone = await newZone(service)
  other = await newZone(service)
})
afterAll(() => service.close())

const CAPABILITIES = ['read', 'write', 'audit', 'approve', 'prove', 'attest', 'manage_tokens'] as const
const ANN = { kind: 'user', issuer: 'https://idp.example', id: 'ann' }
const BOB = { kind: 'user', issuer: 'https://idp.example', id: 'bob' }

interface Wish {
  readonly capabilities: readonly string[]
  readonly zone_id?: string
  readonly max_aal?: Aal
  readonly owner?: object
  readonly expires_at?: string
}

interface Held {
  readonly token: string
  readonly view: {
    readonly capabilities: readonly string[]
    readonly zone_id: string | null
    readonly max_aal: Aal | null
    readonly owner: object | null
    readonly expires_at: string | null
  }
}

async function create(by: string, wish: Wish): Promise<{ status: number; code?: unknown; held?: Held }> {
  const { status, body } = await admin(service, 'POST', '/v1/admin-tokens', { name: 't', ...wish }, { token: by })
  if (status !== 201) return { status, code: body.code }
  const { token, ...view } = body
  return { status, held: { token: String(token), view: view as unknown as Held['view'] } }
}

/** Every way in which one token can be stronger than another, written apart from the code that refuses it. */
function isStronger(child: Held['view'], parent: Held['view']): boolean {
  const never = '9999'
  return (
    child.capabilities.some((capability) => !parent.capabilities.includes(capability)) ||
    (parent.zone_id !== null && child.zone_id !== parent.zone_id) ||
    (child.max_aal !== null && (parent.max_aal === null || compareAal(child.max_aal, parent.max_aal) > 0)) ||
    (child.expires_at ?? never) > (parent.expires_at ?? never) ||
    (!parent.capabilities.includes('manage_tokens') && JSON.stringify(child.owner) !== JSON.stringify(parent.owner))
  )
}

describe('nobody creates a token stronger than their own', () => {
  const instants = ['2099-01-01T00:00:00.000Z', '2099-06-01T00:00:00.000Z']
  const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
  const wishes = fc
    .record({
      capabilities: fc.uniqueArray(fc.constantFrom(...CAPABILITIES), { minLength: 1 }),
      zone: optional(fc.constantFrom('zone', 'other')),
      aal: optional(fc.constantFrom(...AALS)),
      owner: optional(fc.constantFrom(ANN, BOB)),
      expires: optional(fc.constantFrom(...instants)),
    })
    .map(({ capabilities, zone: where, aal, owner, expires }) => ({ capabilities, where, aal, owner, expires }))
  type Drawn = typeof wishes extends fc.Arbitrary<infer T> ? T : never
  const toWish = ({ capabilities, where, aal, owner, expires }: Drawn): Wish => ({
    capabilities,
    ...(where && { zone_id: where === 'zone' ? zone.zoneId : other.zoneId }),
    ...(aal && capabilities.includes('prove') && { max_aal: aal }),
    ...(owner && { owner }),
    ...(expires && { expires_at: expires }),
  })

  test('in any chain of creations, over HTTP', async () => {
    let granted = 0
    let refused = 0
    await fc.assert(
      fc.asyncProperty(wishes, fc.array(wishes, { minLength: 1, maxLength: 4 }), async (first, chain) => {
        let parent = (await create(service.adminToken, toWish(first))).held
        for (const drawn of chain) {
          if (parent === undefined) return
          const made = await create(parent.token, toWish(drawn))
          expect([201, 403, 404, 422]).toContain(made.status)
          if (made.held === undefined) {
            refused++
            continue
          }
          granted++
          expect(isStronger(made.held.view, parent.view)).toBe(false)
          parent = made.held
        }
      }),
      { numRuns: 80 },
    )
    // The property says nothing if nothing is ever granted, or nothing refused.
    expect(granted).toBeGreaterThan(10)
    expect(refused).toBeGreaterThan(10)
  })

  test.each<[string, Wish, Wish, number, string]>([
    [
      'a capability',
      { capabilities: ['write'] },
      { capabilities: ['write', 'approve'] },
      403,
      'token_stronger_than_own',
    ],
    [
      'a level',
      { capabilities: ['write', 'prove'], max_aal: 'aal2' },
      { capabilities: ['prove'], max_aal: 'aal3' },
      403,
      'token_stronger_than_own',
    ],
    [
      'an owner',
      { capabilities: ['write'], owner: ANN },
      { capabilities: ['write'], owner: BOB },
      403,
      'token_stronger_than_own',
    ],
    [
      'a life',
      { capabilities: ['write'], expires_at: '2099-01-01T00:00:00Z' },
      { capabilities: ['write'], expires_at: '2099-01-02T00:00:00Z' },
      403,
      'token_stronger_than_own',
    ],
    [
      'anything without write or manage_tokens',
      { capabilities: ['read', 'approve'] },
      { capabilities: ['read'] },
      403,
      'missing_capability',
    ],
  ])('%s', async (_what, held, wish, status, code) => {
    const parent = (await create(service.adminToken, held)).held
    expect(await create(parent?.token ?? '', wish)).toEqual({ status, code })
  })

  test('a token of a zone makes tokens of that zone alone, and no zones', async () => {
    const token = await newToken(service, { zone_id: zone.zoneId, capabilities: [...CAPABILITIES], max_aal: 'aal3' })
    expect(await create(token, { capabilities: ['read'], zone_id: other.zoneId })).toEqual({
      status: 404,
      code: 'not_found',
    })
    expect((await create(token, { capabilities: ['read'] })).held?.view.zone_id).toBe(zone.zoneId)
    const made = await admin(service, 'POST', '/v1/zones', { slug: 'mine', name: 'Mine' }, { token })
    expect([made.status, made.body.code]).toEqual([403, 'global_token_required'])
    const deleted = await zone.send('DELETE', '', undefined, { token })
    expect([deleted.status, deleted.body.code]).toEqual([403, 'global_token_required'])
  })

  test('manage_tokens names another owner; without it the owner is the creator’s', async () => {
    const manager = await newToken(service, { capabilities: ['manage_tokens', 'approve'], owner: ANN })
    expect((await create(manager, { capabilities: ['approve'], owner: BOB })).held?.view.owner).toEqual(BOB)
    const writer = await newToken(service, { capabilities: ['write'], owner: ANN })
    expect((await create(writer, { capabilities: ['write'] })).held?.view.owner).toEqual(ANN)
  })
})

test('a prover needs a level, and only a prover has one', async () => {
  expect(await create(service.adminToken, { capabilities: ['prove'] })).toEqual({
    status: 422,
    code: 'max_aal_required',
  })
  expect(await create(service.adminToken, { capabilities: ['read'], max_aal: 'aal1' })).toEqual({
    status: 422,
    code: 'max_aal_without_prove',
  })
})

test('a token is shown once, stored as a hash, and listed without either', async () => {
  const { token, ...view } = await zone.ok('POST', '/admin-tokens', {
    name: 'once',
    capabilities: ['read'],
    owner: ANN,
  })
  expect(token).toMatch(/^csat_[\w-]{43}$/)
  expect(view.zone_id).toBe(zone.zoneId)
  const listed = await zone.ok('GET', '/admin-tokens')
  expect(listed.items).toContainEqual(view)
  expect(await zone.ok('GET', `/admin-tokens/${view.id}`)).toEqual(view)
  const database = new pg.Client({ connectionString: service.database.url })
  await database.connect()
  const { rows } = await database.query('SELECT * FROM countersign.admin_tokens WHERE id = $1', [view.id])
  await database.end()
  expect(JSON.stringify(rows)).not.toContain(String(token))
})

test('a revoked token is refused at once, and revocation is for its holder, its creator, and who manages tokens', async () => {
  const parent = await zone.ok('POST', '/admin-tokens', { name: 'parent', capabilities: ['write', 'read'], owner: ANN })
  const by = { token: String(parent.token) }
  const child = await zone.ok('POST', '/admin-tokens', { name: 'child', capabilities: ['read'] }, by)
  const stranger = await zone.ok('POST', '/admin-tokens', { name: 'stranger', capabilities: ['write'], owner: BOB })
  const refused = await zone.send('DELETE', `/admin-tokens/${stranger.id}`, undefined, by)
  expect([refused.status, refused.body.code]).toEqual([403, 'missing_capability'])
  expect((await zone.send('GET', '', undefined, { token: String(child.token) })).status).toBe(200)
  expect((await zone.send('DELETE', `/admin-tokens/${child.id}`, undefined, by)).status).toBe(204)
  expect((await zone.send('GET', '', undefined, { token: String(child.token) })).status).toBe(401)
  expect((await zone.send('DELETE', `/admin-tokens/${parent.id}`, undefined, by)).status).toBe(204)
  expect((await zone.send('GET', '', undefined, by)).status).toBe(401)
})

test('a token that expires is refused from then on', async () => {
  const refused = await create(service.adminToken, { capabilities: ['read'], expires_at: '2001-01-01T00:00:00Z' })
  expect(refused).toEqual({ status: 422, code: 'expires_in_past' })
  const expires_at = new Date(Date.now() + 1_500).toISOString()
  const { held } = await create(service.adminToken, { capabilities: ['read'], zone_id: zone.zoneId, expires_at })
  expect((await zone.send('GET', '', undefined, { token: held?.token ?? '' })).status).toBe(200)
  await new Promise((resolve) => setTimeout(resolve, 1_700))
  expect((await zone.send('GET', '', undefined, { token: held?.token ?? '' })).status).toBe(401)
})

test('the tokens of a deleted zone are no tokens', async () => {
  const gone = await newZone(service)
  const token = await newToken(service, { zone_id: gone.zoneId, capabilities: ['read'] })
  expect((await gone.send('GET', '', undefined, { token })).status).toBe(200)
  expect((await gone.send('DELETE', '')).status).toBe(204)
  expect((await gone.send('GET', '', undefined, { token })).status).toBe(401)
  expect((await admin(service, 'GET', '/v1/zones', undefined, { token })).status).toBe(401)
})

test('a zone’s token sees its own zone and its own zone’s tokens, whatever it asks', async () => {
  const token = await newToken(service, { zone_id: zone.zoneId, capabilities: ['read'] })
  const zones = (await admin(service, 'GET', '/v1/zones', undefined, { token })).body.items as { id: string }[]
  expect(zones.map(({ id }) => id)).toEqual([zone.zoneId])
  const tokens = (await admin(service, 'GET', '/v1/admin-tokens', undefined, { token })).body.items as {
    zone_id: string
  }[]
  expect(new Set(tokens.map(({ zone_id }) => zone_id))).toEqual(new Set([zone.zoneId]))
  const global = (await create(service.adminToken, { capabilities: ['read'] })).held
  const { body } = await admin(service, 'GET', '/v1/admin-tokens', undefined, { token: global?.token ?? '' })
  const { id } = (body.items as { id: string; zone_id: string | null }[]).find((item) => item.zone_id === null) ?? {}
  expect((await admin(service, 'GET', `/v1/admin-tokens/${id}`, undefined, { token })).status).toBe(404)
})

test.each(['write', 'audit', 'approve', 'prove', 'attest', 'manage_tokens'])(
  'the capability %s alone does not read, and read alone changes nothing',
  async (capability) => {
    const token = await newToken(service, {
      zone_id: zone.zoneId,
      capabilities: [capability],
      ...(capability === 'prove' && { max_aal: 'aal1' }),
    })
    const read = await zone.send('GET', '/applications', undefined, { token })
    expect([read.status, read.body.code]).toEqual([403, 'missing_capability'])
    const reader = await newToken(service, { zone_id: zone.zoneId, capabilities: ['read'] })
    const write = await zone.send('POST', '/applications', {}, { token: reader })
    expect([write.status, write.body.code]).toEqual([403, 'missing_capability'])
  },
)
