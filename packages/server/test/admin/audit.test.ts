import { createHash } from 'node:crypto'
import { canonicalJson, type Json } from '@countersign/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commitment } from '../../src/ledger/event.js'
import { type Client, newToken, newZone, type TestService, testService } from './support/client.js'

interface Item {
  readonly id: string
  readonly leaf_index: number
  readonly leaf_hash: string
  readonly event: { readonly [member: string]: Json }
  readonly openings: { readonly [path: string]: { readonly salt: string; readonly value: Json } } | null
}

let service: TestService
let zone: Client

beforeAll(async () => {
  service = await testService()
  zone = await newZone(service)
  const owner = { kind: 'user', issuer: 'https://idp.example', id: 'ann' }
  for (let n = 0; n < 12; n++)
    await zone.ok('POST', '/applications', { name: `a${n}`, auth_method: 'client_secret', owner })
})
afterAll(() => service.close())

const events = async (query = '') => (await zone.ok('GET', `/audit/events?limit=500${query}`)).items as Item[]

test('events stand in the order of the ledger, without a gap, and each hashes to its leaf', async () => {
  const items = await events()
  expect(items.map((item) => item.leaf_index)).toEqual(items.map((_, n) => n))
  for (const item of items) {
    expect(item.event.id).toBe(item.id)
    expect(createHash('sha256').update('\0').update(canonicalJson(item.event)).digest('hex')).toBe(item.leaf_hash)
    expect(await zone.ok('GET', `/audit/events/${item.id}`)).toEqual(item)
  }
})

test('who and what is about people stands committed in the event, and opens beside it', async () => {
  const created = (await events()).find(({ event }) => event.type === 'application.created')
  expect(JSON.stringify(created?.event)).not.toContain('ann')
  const opening = created?.openings?.['/owner']
  expect(opening?.value).toEqual({ kind: 'user', issuer: 'https://idp.example', id: 'ann' })
  expect(created?.event.owner).toEqual({ committed: commitment(opening?.salt ?? '', opening?.value ?? null) })
})

test('an address that may hold a secret stands committed too', async () => {
  const url = 'https://hooks.example/in?token=hush'
  const own = await newZone(service)
  await own.ok('PATCH', '/settings', { webhook: { url } })
  await own.ok('POST', '/resources', { identifier: 'https://api.example/', scopes: ['read'], upstream: { url } })
  for (const [type, path] of [
    ['settings.updated', '/webhook_url'],
    ['resource.created', '/upstream_url'],
  ]) {
    const { items } = (await own.ok('GET', '/audit/events')) as { items: Item[] }
    const told = items.find(({ event }) => event.type === type)
    expect(JSON.stringify(told?.event)).not.toContain('hush')
    expect(told?.openings?.[String(path)]?.value).toBe(url)
  }
})

test('the newest first, page by page', async () => {
  const all = await events()
  const seen: Item[] = []
  let cursor: unknown
  do {
    const page = await zone.ok('GET', `/audit/events?order=desc&limit=5${cursor ? `&cursor=${cursor}` : ''}`)
    seen.push(...(page.items as Item[]))
    cursor = page.next_cursor
  } while (cursor !== null)
  expect(seen).toEqual(all.toReversed())
})

test('the ledger is for the capability audit alone', async () => {
  for (const [capability, status] of [
    ['audit', 200],
    ['read', 403],
    ['write', 403],
  ] as const) {
    const token = await newToken(service, { zone_id: zone.zoneId, capabilities: [capability] })
    expect((await zone.send('GET', '/audit/events', undefined, { token })).status).toBe(status)
  }
})

test('the overview counts what is there', async () => {
  expect(await zone.ok('GET', '/overview')).toMatchObject({
    applications: 12,
    resources: 0,
    grants: 0,
    policy_version: 0,
    active_set_version_id: null,
    active_sessions: 0,
    pending_challenges: 0,
    audit_events: (await events()).length,
  })
})
