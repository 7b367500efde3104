import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestService, testService } from '../support/service.js'
import { type Answer, adminOk, createWorld, type World } from '../support/world.js'
import {
  CHALLENGE_INVALID,
  challengeRow,
  claimsOf,
  furtherApplication,
  MFA,
  passTime,
  paused,
  proverToken,
  type Retry,
  retryOf,
} from './support.js'

// A transfer needs all three types, named in another order than the one they are asked in; reading needs two people.
const POLICY = `package countersign.authz

allow contains "payments"

step_up contains {"policy": "people", "type": "human_approval", "approvals": 2, "ttl_seconds": 1800} if transfer
step_up contains {"policy": "software", "type": "software_attestation", "ttl_seconds": 600} if transfer
step_up contains {"policy": "user", "type": "mfa"} if transfer
step_up contains {"policy": "people", "type": "human_approval", "approvals": 2} if not transfer

transfer if "transfer" in input.context.requested_scopes
`

let service: TestService
let world: World
let prover: string
let attester: string
let approvers: string[]

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service, { policy: POLICY })
  prover = await proverToken(world)
  const person = (id: string) => ({ kind: 'user', issuer: 'https://idp.test', id })
  attester = await world.token(['attest'], person('attester'))
  approvers = await Promise.all(['bob', 'carol', 'dave'].map((id) => world.token(['approve'], person(id))))
})
afterAll(() => service.close())

const ATTESTATION = { evidence: { measurement: 'sha256:0' } }

async function satisfy(retry: Retry, by: string | undefined, body?: object): Promise<Answer> {
  const answer = await world.satisfy(retry.challenge_id, String(by), body)
  expect(answer.status).toBe(200)
  return answer
}

/** Asks, proves and retries up to the approval, which is still to be given; each step's retry. */
async function upToApproval(own: World): Promise<[Retry, Retry, Retry]> {
  const first = await paused(own)
  await satisfy(first, prover, MFA)
  const second = retryOf(await own.exchange(first))
  await satisfy(second, attester, ATTESTATION)
  return [first, second, retryOf(await own.exchange(second))]
}

describe('several types', () => {
  test('are asked one after another, mfa, software_attestation, human_approval, and consumed in one commit', async () => {
    const own = await furtherApplication(world)
    const pauses = [await own.exchange()]
    const chain = [retryOf(pauses[0] as Answer)]
    for (const [by, body] of [
      [prover, MFA],
      [attester, ATTESTATION],
    ] as const) {
      await satisfy(chain.at(-1) as Retry, by, body)
      const answer = await own.exchange(chain.at(-1))
      pauses.push(answer)
      chain.push(retryOf(answer))
    }
    expect(pauses.map(({ body }) => body.challenge_type)).toEqual(['mfa', 'software_attestation', 'human_approval'])
    const [first, second, third] = chain as [Retry, Retry, Retry]
    expect((await challengeRow(service, second.challenge_id)).predecessor_id).toBe(first.challenge_id)
    expect((await challengeRow(service, third.challenge_id)).predecessor_id).toBe(second.challenge_id)

    const partly = await satisfy(third, approvers[0])
    expect(partly.body).toMatchObject({ satisfied_at: null, approvals: { have: 1, need: 2 } })
    expect((await own.exchange(third)).body).toMatchObject({
      error: 'interaction_required',
      challenge_id: third.challenge_id,
    })
    await satisfy(third, approvers[1])

    const issued = await own.exchange(third)
    const claims = claimsOf(issued.body.access_token)
    expect(claims).toMatchObject({
      acr: 'aal2',
      ctx: { challenge_resolved: true, challenge: { id: third.challenge_id, type: 'human_approval' } },
    })
    const consumed = await Promise.all(chain.map(({ challenge_id }) => challengeRow(service, challenge_id)))
    for (const row of consumed) {
      expect(row.consumed_by).toBe(claims.txn)
      expect(row.consumed_at).toEqual(consumed[0]?.consumed_at)
    }
    for (const retry of chain) expect(await own.exchange(retry)).toMatchObject(CHALLENGE_INVALID)
  })

  test('a predecessor cannot be used alone: presented, it leads to its successor and nothing else', async () => {
    const own = await furtherApplication(world)
    const [first, second, third] = await upToApproval(own)
    for (const retry of [first, second]) {
      const led = await own.exchange(retry)
      expect(led).toMatchObject({
        status: 401,
        body: { error: 'interaction_required', challenge_id: third.challenge_id },
      })
    }
    await satisfy(third, approvers[0])
    await satisfy(third, approvers[1])
    // Even now, when everything is proved, it is the last that has to be shown.
    const led = await own.exchange(first)
    expect(led).toMatchObject({ status: 401, body: { challenge_id: third.challenge_id } })
    expect((await own.exchange(retryOf(led))).status).toBe(200)
  })

  test('a predecessor whose successor has ended is good for nothing', async () => {
    const own = await furtherApplication(world)
    const [first, second, third] = await upToApproval(own)
    const path = `/v1/zones/${world.zoneId}/step-up-challenges/${third.challenge_id}/reject`
    await adminOk(service, 'POST', path, {})
    for (const retry of [first, second]) expect(await own.exchange(retry)).toMatchObject(CHALLENGE_INVALID)
    // A new request begins anew, with the first type.
    expect((await own.exchange()).body).toMatchObject({ challenge_type: 'mfa' })
  })

  test('a rejected predecessor takes everything that stands on it along', async () => {
    const own = await furtherApplication(world)
    const [first, , third] = await upToApproval(own)
    await satisfy(third, approvers[0])
    await satisfy(third, approvers[1])
    await adminOk(service, 'POST', `/v1/zones/${world.zoneId}/step-up-challenges/${first.challenge_id}/reject`, {})
    expect(await own.exchange(third)).toMatchObject({ status: 403, body: { error: 'access_denied' } })
  })

  test('a predecessor lives as long as its successor, and the chain ends with its last', async () => {
    const own = await furtherApplication(world)
    const [first, second, third] = await upToApproval(own)
    const expiries = await Promise.all(
      [first, second, third].map(async ({ challenge_id }) => (await challengeRow(service, challenge_id)).expires_at),
    )
    expect(expiries[0]).toEqual(expiries[2])
    expect(expiries[1]).toEqual(expiries[2])
    // Past the 300 s of the first and the 600 s of the second, within the 1,800 s of the third.
    await passTime(service, 1_700)
    await satisfy(third, approvers[0])
    await satisfy(third, approvers[1])
    expect((await own.exchange(third)).status).toBe(200)

    const late = await upToApproval(own)
    await passTime(service, 1_801)
    for (const retry of late) expect(await own.exchange(retry)).toMatchObject(CHALLENGE_INVALID)
    expect((await own.exchange()).body).toMatchObject({ challenge_type: 'mfa' })
  })

  test('the first, retried several times at once, gets one successor', async () => {
    const own = await furtherApplication(world)
    const first = await paused(own)
    await satisfy(first, prover, MFA)
    const answers = await Promise.all(Array.from({ length: 8 }, () => own.exchange(first)))
    const ids = answers.map(({ body }) => body.challenge_id)
    expect(new Set(ids).size).toBe(1)
    expect(answers[0]?.body.challenge_type).toBe('software_attestation')
  })
})

describe('a quorum', () => {
  test('of two is two distinct people: the same one again counts once, whichever token they use', async () => {
    const own = await furtherApplication(world)
    const retry = await paused(own, { scope: 'read' })
    const again = await world.token(['approve'], { kind: 'user', issuer: 'https://idp.test', id: 'bob' })
    await satisfy(retry, approvers[0])
    for (const token of [approvers[0], again]) {
      expect(await world.satisfy(retry.challenge_id, String(token))).toMatchObject({
        status: 409,
        body: { code: 'already_approved' },
      })
    }
    expect((await own.exchange({ ...retry, scope: 'read' })).status).toBe(401)
    await satisfy(retry, approvers[1])
    expect((await own.exchange({ ...retry, scope: 'read' })).status).toBe(200)
  })

  test('given by several at the same moment is met once', async () => {
    const own = await furtherApplication(world)
    const retry = await paused(own, { scope: 'read' })
    const answers = await Promise.all(approvers.map((token) => world.satisfy(retry.challenge_id, token)))
    // Whoever comes when it is met finds nothing to approve.
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 404])
    expect((await own.exchange({ ...retry, scope: 'read' })).status).toBe(200)
  })
})
