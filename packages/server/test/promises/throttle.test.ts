import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestService, testService } from '../support/service.js'
import { createWorld, type Form, referencePolicy, type World } from '../support/world.js'
import { asUser, ISSUER } from './issuer.js'
import { CHALLENGE_INVALID, challengeRow, furtherApplication, MFA, passTime, paused, proverToken } from './support.js'

// Lives long enough to be there when a cooldown is over.
const POLICY = referencePolicy().replace('"mfa"', '{"type": "mfa", "ttl_seconds": 3600}')
const SESSION_MANDATE = { resource: undefined, scope: undefined }

let service: TestService
let beside: TestService
let world: World
let prover: string

beforeAll(async () => {
  service = await testService()
  beside = await testService({ beside: service })
  world = await createWorld(service, { policy: POLICY })
  prover = await proverToken(world)
})
afterAll(async () => {
  await beside.close()
  await service.close()
})

function secret(): string {
  return randomBytes(32).toString('base64url')
}

/** A challenge that there is not, or not any more. */
function unknown(): Form {
  return { challenge_id: randomUUID(), challenge_response: secret() }
}

/** A challenge of its own application, presented with a secret that nobody was given. */
async function wrongProof(own: World, form: Form = {}): Promise<Form> {
  const { challenge_id } = await paused(own, form)
  return { ...form, challenge_id, challenge_response: secret() }
}

async function fail(own: World, times: number, form: Form = {}): Promise<void> {
  const wrong = await wrongProof(own, form)
  for (let time = 0; time < times; time++) expect(await own.exchange(wrong)).toMatchObject(CHALLENGE_INVALID)
}

const COOLDOWN = {
  status: 429,
  body: { error: 'slow_down', error_description: expect.stringMatching(/^challenge_cooldown: /) },
}

/** That whatever carries a challenge is told to wait, on these nodes. */
async function expectCooldown(own: World, form: Form = {}, nodes = [service, beside]): Promise<void> {
  for (const { url } of nodes) {
    const answer = await own.exchange({ ...form, ...unknown() }, { url })
    expect(answer).toMatchObject(COOLDOWN)
    const seconds = Number(answer.headers.get('retry-after'))
    expect(seconds).toBeGreaterThan(0)
    expect(seconds).toBeLessThanOrEqual(300)
  }
}

describe('5 wrong proofs in 2 minutes start a cooldown', () => {
  test('for whatever carries a challenge, on every node, also after a restart; nothing else is affected', async () => {
    const own = await furtherApplication(world)
    const retry = await paused(own)
    const used = await paused(own, { scope: 'read' })
    expect((await own.satisfy(used.challenge_id, prover, MFA)).status).toBe(200)
    // Five ways to be wrong: another's secret, another's challenge, another binding, one character, none of them.
    const wrong: Form[] = [
      { ...retry, challenge_response: used.challenge_response },
      { ...retry, challenge_id: used.challenge_id },
      { ...used, scope: 'transfer' },
      { ...retry, challenge_response: `${retry.challenge_response}A` },
      { ...retry, challenge_response: secret() },
    ]
    for (const form of wrong) expect(await own.exchange(form)).toMatchObject(CHALLENGE_INVALID)

    await expectCooldown(own)
    // Also with the right proof, which is not looked at, and for a target that does not exist.
    expect(await own.exchange({ ...used, scope: 'read' })).toMatchObject(COOLDOWN)
    expect(await own.exchange({ ...used, resource: 'resource://nobody' })).toMatchObject(COOLDOWN)
    expect(await challengeRow(service, used.challenge_id)).toMatchObject({ consumed_at: null, rejected_at: null })

    const restarted = await testService({ beside: service })
    await expectCooldown(own, {}, [restarted])
    await restarted.close()

    expect((await own.exchange(SESSION_MANDATE)).status).toBe(200)
    const joined = await paused(own)
    expect(joined.challenge_id).toBe(retry.challenge_id)
    expect((await own.satisfy(retry.challenge_id, prover, MFA)).status).toBe(200)
    const wrongClient = await own.exchange({ ...unknown(), client_secret: 'wrong' })
    expect(wrongClient).toMatchObject({ status: 401, body: { error: 'invalid_client' } })

    await passTime([service, beside], 280)
    await expectCooldown(own)
    await passTime([service, beside], 21)
    expect((await own.exchange({ ...used, scope: 'read' })).status).toBe(200)
    expect((await own.exchange(joined)).status).toBe(200)
  })

  test('wherever they arrive: of 64 at once on two nodes exactly 5 are looked at', async () => {
    const own = await furtherApplication(world)
    const wrong = await wrongProof(own)
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_none, n) => own.exchange(wrong, { url: (n % 2 ? beside : service).url })),
    )
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(5)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(59)
  })

  test('counted in a sliding window: 4, and 4 more after two minutes, start none', async () => {
    const own = await furtherApplication(world)
    await fail(own, 4)
    await passTime([service, beside], 121)
    await fail(own, 4)
    await passTime([service, beside], 60)
    await fail(own, 1)
    await expectCooldown(own)
  })

  test('and a success resets the count', async () => {
    const own = await furtherApplication(world)
    for (let round = 0; round < 3; round++) {
      await fail(own, 4)
      const retry = await paused(own)
      await own.satisfy(retry.challenge_id, prover, MFA)
      expect((await own.exchange(retry)).status).toBe(200)
    }
    await fail(own, 5)
    await expectCooldown(own)
  })

  test('asking early, joining, an answer that was given before and a challenge that is gone are no failures', async () => {
    const own = await furtherApplication(world)
    const retry = await paused(own)
    for (let time = 0; time < 6; time++) expect((await own.exchange(retry)).status).toBe(401)
    await own.satisfy(retry.challenge_id, prover, MFA)
    expect((await own.exchange(retry)).status).toBe(200)
    const nonsense = { ...retry, challenge_id: 'nonsense' }
    const known = await own.exchange(await wrongProof(own))
    for (const form of [retry, unknown(), nonsense]) {
      for (let time = 0; time < 6; time++) {
        const { body, status } = await own.exchange(form)
        expect({ status, ...body }).toEqual({ status: known.status, ...known.body, requestId: expect.any(String) })
      }
    }
    await fail(own, 4)
    await expectCooldown(own)
  })
})

describe('nobody can freeze another', () => {
  test("one application's wrong proofs for a user do not freeze another application's requests for them", async () => {
    const one = await furtherApplication(world)
    const other = await furtherApplication(world)
    const maria = await asUser(world, { sub: 'maria' })
    await fail(one, 5, maria)
    await expectCooldown(one, maria)

    const retry = { ...maria, ...(await paused(other, maria)) }
    const subject = { kind: 'user', issuer: ISSUER, id: 'maria' }
    expect((await other.satisfy(retry.challenge_id, prover, { ...MFA, subject })).status).toBe(200)
    expect((await other.exchange(retry)).status).toBe(200)
  })

  test('nor its own requests for other users or for itself', async () => {
    const own = await furtherApplication(world)
    const maria = await asUser(world, { sub: 'maria' })
    await fail(own, 5, maria)
    await expectCooldown(own, maria)
    for (const form of [{}, await asUser(world, { sub: 'nora' })]) {
      expect(await own.exchange(await wrongProof(own, form))).toMatchObject(CHALLENGE_INVALID)
    }
  })
})
