import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { admin, createWorld, type World } from '../support/world.js'
import { type TestService, testService } from './support/client.js'

let service: TestService

beforeAll(async () => {
  service = await testService()
})
afterAll(() => service.close())

/** A world whose application has its session. */
async function withSession(): Promise<{
  world: World
  id: string
  send: (method: string, path: string, body?: object) => ReturnType<typeof admin>
}> {
  const world = await createWorld(service)
  const { body } = await world.exchange({ resource: undefined, scope: undefined })
  const id = String(decodeJwt(String(body.access_token)).sid)
  const send = (method: string, path: string, sent?: object) =>
    admin(service, method, `/v1/zones/${world.zoneId}${path}`, sent)
  return { world, id, send }
}

const opens = async (world: World) => (await world.exchange({ resource: undefined, scope: undefined })).status

test('a session is seen with what the server verified of it', async () => {
  const { world, id, send } = await withSession()
  const { body, headers } = await send('GET', `/sessions/${id}`)
  expect(body).toMatchObject({
    id,
    kind: 'application',
    issuer: null,
    subject: world.application.id,
    application_id: world.application.id,
    aal: 'aal1',
    status: 'active',
  })
  expect(headers.get('etag')).toBe('"1"')
  for (const [query, length] of [
    [`application_id=${world.application.id}`, 1],
    ['kind=application', 1],
    ['kind=user', 0],
    ['subject=nobody', 0],
  ] as const) {
    expect((await send('GET', `/sessions?${query}`)).body.items).toHaveLength(length)
  }
})

test('suspension is refused authority, and reverses', async () => {
  const { world, id, send } = await withSession()
  expect((await send('POST', `/sessions/${id}/suspend`, { reason: 'odd' })).body).toMatchObject({
    status: 'suspended',
    status_reason: 'odd',
  })
  expect(await opens(world)).toBe(400)
  expect((await send('POST', `/sessions/${id}/resume`)).body).toMatchObject({ status: 'active' })
  expect(await opens(world)).toBe(200)
})

test('a revoked application session refuses the application until it is resumed', async () => {
  const { world, id, send } = await withSession()
  expect((await send('POST', `/sessions/${id}/revoke`)).body).toMatchObject({ status: 'revoked' })
  expect(await opens(world)).toBe(400)
  expect((await send('POST', `/sessions/${id}/suspend`)).body).toMatchObject({ code: 'session_revoked' })
  expect((await send('POST', `/sessions/${id}/resume`)).body).toMatchObject({ status: 'active' })
  expect(await opens(world)).toBe(200)
})

test('each act is one event and a new version; an act that changes nothing is neither', async () => {
  const { id, send } = await withSession()
  const first = await send('POST', `/sessions/${id}/suspend`, { reason: 'about Ann' })
  const again = await send('POST', `/sessions/${id}/suspend`)
  expect([first.headers.get('etag'), again.headers.get('etag')]).toEqual(['"2"', '"2"'])
  const { body } = await send('GET', '/audit/events?order=desc&limit=2')
  const items = body.items as { event: Record<string, unknown>; openings: Record<string, { value: unknown }> }[]
  const suspended = items.filter(({ event }) => event.type === 'session.suspended')
  expect(suspended).toHaveLength(1)
  expect(suspended[0]?.event).toMatchObject({
    session_id: id,
    actor: 'admin:bootstrap',
    reason: { committed: expect.any(String) },
  })
  expect(suspended[0]?.openings['/reason']?.value).toBe('about Ann')
  expect(JSON.stringify(suspended[0]?.event)).not.toContain('Ann')
})

test('revoking a subject revokes its sessions, and says how many', async () => {
  const { world, id, send } = await withSession()
  const subject = { kind: 'application', id: world.application.id }
  const revoked = await send('POST', '/subjects/revoke', { subject, reason: 'stolen' })
  expect(revoked.body).toEqual({ revoked_sessions: 1, not_before: expect.stringMatching(/Z$/) })
  expect((await send('GET', `/sessions/${id}`)).body).toMatchObject({ status: 'revoked', status_reason: 'stolen' })
  expect(await opens(world)).toBe(400)
})

test.each([[{ kind: 'user', id: 'ann' }], [{ kind: 'application', issuer: 'https://idp.example', id: 'ann' }]])(
  'the subject %j is not named whole',
  async (subject) => {
    const { send } = await withSession()
    const refused = await send('POST', '/subjects/revoke', { subject })
    expect([refused.status, refused.body.code]).toEqual([422, 'invalid_subject'])
  },
)
