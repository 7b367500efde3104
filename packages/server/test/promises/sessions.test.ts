import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestService, testService } from '../support/service.js'
import { type Answer, adminOk, createWorld, postForm, type World } from '../support/world.js'
import { asUser, ISSUER } from './issuer.js'
import { claimsOf, furtherApplication, passTime } from './support.js'

const HOUR = 3_600

let service: TestService
let beside: TestService
let world: World

beforeAll(async () => {
  service = await testService()
  beside = await testService({ beside: service })
  world = await createWorld(service)
})
afterAll(async () => {
  await beside.close()
  await service.close()
})

const SESSION_MANDATE = { resource: undefined, scope: undefined }

function nodes(): string[] {
  return [service.url, beside.url]
}

function invalidGrant(reason: string) {
  return {
    status: 400,
    body: { error: 'invalid_grant', error_description: expect.stringMatching(new RegExp(`^${reason}: `)) },
  }
}

function sidOf(answer: Answer): string {
  expect(answer.status).toBe(200)
  return String(claimsOf(answer.body.access_token).sid)
}

async function act(name: 'suspend' | 'resume' | 'revoke', sid: string): Promise<void> {
  await adminOk(service, 'POST', `/v1/zones/${world.zoneId}/sessions/${sid}/${name}`, {})
}

describe("an application's implicit session", () => {
  test('is one, however many requests begin it at once on however many nodes', async () => {
    const own = await furtherApplication(world)
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_none, n) => own.exchange(SESSION_MANDATE, { url: nodes()[n % 2] as string })),
    )
    expect(new Set(answers.map(sidOf)).size).toBe(1)
  })

  test('is renewed after its 24 hours, on every node and again the next day', async () => {
    const own = await furtherApplication(world)
    const seen = new Set<string>()
    for (let day = 0; day < 3; day++) {
      const today = new Set<string>()
      for (const url of [...nodes(), ...nodes()]) today.add(sidOf(await own.exchange(SESSION_MANDATE, { url })))
      expect(today.size).toBe(1)
      for (const sid of today) seen.add(sid)
      await passTime([service, beside], 24 * HOUR)
    }
    expect(seen.size).toBe(3)
  })

  test('once revoked, refuses the application for good, also after its time, until it is resumed', async () => {
    const own = await furtherApplication(world)
    const sid = sidOf(await own.exchange(SESSION_MANDATE))
    await act('revoke', sid)
    for (const url of nodes()) {
      expect(await own.exchange(SESSION_MANDATE, { url })).toMatchObject(invalidGrant('session_revoked'))
      expect(await own.exchange({}, { url })).toMatchObject(invalidGrant('session_revoked'))
    }
    await passTime([service, beside], 25 * HOUR)
    for (const url of nodes()) {
      expect(await own.exchange(SESSION_MANDATE, { url })).toMatchObject(invalidGrant('session_revoked'))
    }
    await act('resume', sid)
    for (const url of nodes()) sidOf(await own.exchange(SESSION_MANDATE, { url }))
  })
})

describe("a user's session", () => {
  test('is found again by the same token, and by a fresher one of the same login', async () => {
    const token = await asUser(world, { sub: 'ann' })
    const sids = [await world.exchange({ ...SESSION_MANDATE, ...token })]
    sids.push(await world.exchange({ ...SESSION_MANDATE, ...token }, { url: beside.url }))
    expect(new Set(sids.map(sidOf)).size).toBe(1)
    const login = { sub: 'ann', sid: 'login-1' }
    const one = await world.exchange({ ...SESSION_MANDATE, ...(await asUser(world, login)) })
    const other = await world.exchange({ ...SESSION_MANDATE, ...(await asUser(world, login)) }, { url: beside.url })
    expect(sidOf(other)).toBe(sidOf(one))
    expect(sidOf(one)).not.toBe(sidOf(sids[0] as Answer))
  })

  test('suspended refuses at once on every node, and works again when it is resumed', async () => {
    const token = { ...SESSION_MANDATE, ...(await asUser(world, { sub: 'bea' })) }
    const first = await world.exchange(token)
    const mandate = { ...SESSION_MANDATE, subject_token: String(first.body.access_token) }
    const renewal = { ...mandate, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' }
    for (const form of [token, renewal]) for (const url of nodes()) sidOf(await world.exchange(form, { url }))
    await act('suspend', sidOf(first))
    for (const form of [token, renewal]) {
      for (const url of nodes()) {
        expect(await world.exchange(form, { url })).toMatchObject(invalidGrant('session_suspended'))
      }
    }
    await act('resume', sidOf(first))
    for (const form of [token, renewal]) for (const url of nodes()) sidOf(await world.exchange(form, { url }))
  })

  test('revoked stays revoked: neither the token nor a fresher one of that login begins it anew', async () => {
    const login = { sub: 'cleo', sid: 'login-2' }
    const first = await world.exchange({ ...SESSION_MANDATE, ...(await asUser(world, login)) })
    await act('revoke', sidOf(first))
    for (const url of nodes()) {
      const again = { ...SESSION_MANDATE, ...(await asUser(world, login)) }
      expect(await world.exchange(again, { url })).toMatchObject(invalidGrant('session_revoked'))
    }
  })

  test('ends after 12 hours: its token does not begin it again, a fresher one of the same login does', async () => {
    const login = { sub: 'dora', sid: 'login-3' }
    const token = { ...SESSION_MANDATE, ...(await asUser(world, login)) }
    const first = sidOf(await world.exchange(token))
    for (const url of nodes()) expect(sidOf(await world.exchange(token, { url }))).toBe(first)
    const answer = await world.exchange(SESSION_MANDATE)
    await passTime([service, beside], 12 * HOUR)
    for (const url of nodes()) {
      expect(await world.exchange(token, { url })).toMatchObject(invalidGrant('session_expired'))
    }
    const issuedAt = Number(claimsOf(answer.body.access_token).iat) + 1
    const fresher = { ...SESSION_MANDATE, ...(await asUser(world, { ...login, issuedAt })) }
    const second = sidOf(await world.exchange(fresher))
    expect(second).not.toBe(first)
    expect(sidOf(await world.exchange(fresher, { url: beside.url }))).toBe(second)
  })

  test('a revoked subject is refused with every token issued until then, and nobody else is', async () => {
    const sub = 'elsa'
    const held = { ...SESSION_MANDATE, ...(await asUser(world, { sub })) }
    const unused = { ...SESSION_MANDATE, ...(await asUser(world, { sub })) }
    const neighbour = { ...SESSION_MANDATE, ...(await asUser(world, { sub: 'elsa2' })) }
    sidOf(await world.exchange(held))
    const revoked = await adminOk(service, 'POST', `/v1/zones/${world.zoneId}/subjects/revoke`, {
      subject: { kind: 'user', issuer: ISSUER, id: sub },
    })
    for (const url of nodes()) {
      expect(await world.exchange(held, { url })).toMatchObject(invalidGrant('session_revoked'))
      expect(await world.exchange(unused, { url })).toMatchObject(invalidGrant('session_revoked'))
      sidOf(await world.exchange(neighbour, { url }))
    }
    const issuedAt = Math.floor(Date.parse(String(revoked.not_before)) / 1000) + 1
    await passTime([service, beside], 5)
    sidOf(await world.exchange({ ...SESSION_MANDATE, ...(await asUser(world, { sub, issuedAt })) }))
  })
})

describe("a session that another application's mandate stands on", () => {
  const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

  /** A user's session opened through one application, and the session mandate that another got of it as an actor. */
  async function delegated() {
    const [opener, actor] = [await furtherApplication(world), await furtherApplication(world)]
    const user = await opener.exchange({ ...SESSION_MANDATE, ...(await asUser(world, { sub: randomUUID() })) })
    const own = await actor.exchange(SESSION_MANDATE)
    const answer = await actor.exchange({
      ...SESSION_MANDATE,
      subject_token: String(user.body.access_token),
      subject_token_type: ACCESS_TOKEN,
      actor_token: String(own.body.access_token),
      actor_token_type: ACCESS_TOKEN,
    })
    expect(answer.status).toBe(200)
    const [opened, held] = [String(user.body.access_token), String(answer.body.access_token)]
    const use = (of: World, token: string) =>
      of.exchange({ ...SESSION_MANDATE, subject_token: token, subject_token_type: ACCESS_TOKEN })
    const ask = async (of: World, endpoint: 'introspect' | 'revoke', token: string) =>
      postForm(`${service.url}/zones/${world.zoneId}/oauth/2/${endpoint}`, {
        client_id: of.application.id,
        client_secret: of.application.secret,
        token,
      })
    return { opener, actor, opened, held, use, ask }
  }

  test('ends for that one too, when the application that opened it is deleted', async () => {
    const { opener, actor, held, use, ask } = await delegated()
    expect((await use(actor, held)).status).toBe(200)
    expect((await ask(actor, 'introspect', held)).body).toMatchObject({ active: true })
    await adminOk(service, 'DELETE', `/v1/zones/${world.zoneId}/applications/${opener.application.id}`)
    expect(await use(actor, held)).toMatchObject(invalidGrant('session_revoked'))
    expect((await ask(actor, 'introspect', held)).body).toEqual({ active: false })
  })

  test('outlives what the actor revokes, which ends the actor alone', async () => {
    const { opener, actor, opened, held, use, ask } = await delegated()
    expect((await ask(actor, 'revoke', held)).status).toBe(200)
    expect(await use(actor, held)).toMatchObject(invalidGrant('session_revoked'))
    expect((await ask(actor, 'introspect', held)).body).toEqual({ active: false })
    expect((await use(opener, opened)).status).toBe(200)
  })
})

test("a user's session ends when the zone trusts their issuer no more", async () => {
  const elsewhere = await createWorld(service)
  const opened = await elsewhere.exchange({ ...SESSION_MANDATE, ...(await asUser(elsewhere, { sub: 'ada' })) })
  const use = () =>
    elsewhere.exchange({
      ...SESSION_MANDATE,
      subject_token: String(opened.body.access_token),
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    })
  expect((await use()).status).toBe(200)
  const issuers = `/v1/zones/${elsewhere.zoneId}/subject-issuers`
  const { items } = (await adminOk(service, 'GET', issuers)) as { items: { id: string }[] }
  await adminOk(service, 'DELETE', `${issuers}/${items[0]?.id}`)
  expect(await use()).toMatchObject(invalidGrant('session_revoked'))
})
