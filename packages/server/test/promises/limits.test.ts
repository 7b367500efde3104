import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestService, testService } from '../support/service.js'
import { type Answer, adminOk, createWorld, type Form, referencePolicy, type World } from '../support/world.js'
import { asUser } from './issuer.js'
import { furtherApplication, ledgerOf, MFA, passTime, paused, proverToken, query, retryOf } from './support.js'

let service: TestService
let beside: TestService
let world: World
let prover: string

beforeAll(async () => {
  service = await testService()
  beside = await testService({ beside: service })
  world = await createWorld(service, { policy: referencePolicy() })
  prover = await proverToken(world)
})
afterAll(async () => {
  await beside.close()
  await service.close()
})

function expectTooMany(answer: Answer, reason = 'too_many_challenges'): void {
  const body = { error: 'slow_down', error_description: expect.stringMatching(new RegExp(`^${reason}: `)) }
  expect(answer).toMatchObject({ status: 429, body })
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
}

/** Requests that each have a binding of their own. */
function distinct(count: number, form: Form = {}): Form[] {
  return Array.from({ length: count }, (_none, n) => ({ ...form, ttl_seconds: String(100 + n) }))
}

function atOnce(own: World, forms: readonly Form[]): Promise<Answer[]> {
  return Promise.all(forms.map((form, n) => own.exchange(form, { url: (n % 2 ? beside : service).url })))
}

describe('one live challenge for one request', () => {
  test('of 64 at once on two nodes: one challenge, 8 secrets, and every one of them will do', async () => {
    const own = await furtherApplication(world)
    const answers = await atOnce(own, distinct(1).concat(Array.from({ length: 63 }, () => distinct(1)[0] as Form)))
    const joined = answers.filter(({ status }) => status === 401).map(retryOf)
    expect(joined).toHaveLength(8)
    expect(new Set(joined.map(({ challenge_id: id }) => id)).size).toBe(1)
    for (const answer of answers.filter(({ status }) => status !== 401)) expectTooMany(answer, 'too_many_joins')
    const events = (await ledgerOf(service, world.zoneId)).map(({ event }) => event)
    const refused = events.filter(({ application_id: id, reason }) => id === own.application.id && reason !== undefined)
    expect(refused.map(({ reason }) => reason)).toEqual(Array.from({ length: 56 }, () => 'too_many_joins'))
    const [first] = joined
    if (first === undefined) throw new Error('nobody was paused')
    const stored = 'SELECT hash FROM challenge_secrets WHERE challenge_id = $1'
    expect(await query(service, stored, [first.challenge_id])).toHaveLength(8)
    for (const retry of joined) {
      const early = await own.exchange({ ...distinct(1)[0], ...retry })
      expect(early).toMatchObject({ status: 401, body: { challenge_id: first.challenge_id } })
    }
    expect((await own.satisfy(first.challenge_id, prover, MFA)).status).toBe(200)
    expect((await own.exchange({ ...distinct(1)[0], ...joined[7] })).status).toBe(200)
  })

  test('is joined also when it is satisfied, until it is used; then the same request begins another', async () => {
    const own = await furtherApplication(world)
    const first = await paused(own)
    expect((await own.satisfy(first.challenge_id, prover, MFA)).status).toBe(200)
    const second = await paused(own)
    expect(second.challenge_id).toBe(first.challenge_id)
    expect((await own.exchange(second)).status).toBe(200)
    expect((await paused(own)).challenge_id).not.toBe(first.challenge_id)
  })
})

describe('32 live challenges for one principal of one application', () => {
  test('are all there may be, however many ask at once on two nodes', async () => {
    const own = await furtherApplication(world)
    const answers = await atOnce(own, distinct(64))
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(32)
    for (const answer of answers.filter(({ status }) => status !== 401)) expectTooMany(answer)
    const live = await query(service, 'SELECT id FROM step_up_challenges WHERE application_id = $1', [
      own.application.id,
    ])
    expect(live).toHaveLength(32)
  })

  test('hinder neither its other principals nor other applications', async () => {
    const own = await furtherApplication(world)
    const maria = await asUser(world, { sub: 'maria' })
    await atOnce(own, distinct(33, maria))
    expectTooMany(await own.exchange({ ...maria, scope: 'read' }))
    await paused(own)
    await paused(own, await asUser(world, { sub: 'nora' }))
    await paused(await furtherApplication(world), maria)
  })

  test('make room when one is used, rejected or expired', async () => {
    const own = await furtherApplication(world)
    const answers = await atOnce(own, distinct(32))
    const further = (): Promise<Answer> => own.exchange({ scope: 'read' })
    expectTooMany(await further())

    const used = retryOf(answers[0] as Answer)
    expect((await own.satisfy(used.challenge_id, prover, MFA)).status).toBe(200)
    expectTooMany(await further())
    expect((await own.exchange({ ...distinct(1)[0], ...used })).status).toBe(200)
    expect((await further()).status).toBe(401)
    expectTooMany(await own.exchange({ scope: 'read transfer' }))

    const { challenge_id: rejected } = retryOf(answers[1] as Answer)
    await adminOk(service, 'POST', `/v1/zones/${world.zoneId}/step-up-challenges/${rejected}/reject`, {})
    expect((await own.exchange({ scope: 'read transfer' })).status).toBe(401)
    expectTooMany(await own.exchange({ ttl_seconds: '99' }))

    await passTime([service, beside], 301)
    expect((await own.exchange({ ttl_seconds: '99' })).status).toBe(401)
  })
})
