import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type TestService, testService } from '../support/service.js'
import { activatePolicy, createWorld, referencePolicy, type World } from '../support/world.js'
import {
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

let service: TestService
let world: World
let own: World
let prover: string
let approvers: string[]

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service)
  prover = await proverToken(world)
  approvers = await Promise.all(
    ['bob', 'carol'].map((id) => world.token(['approve'], { kind: 'user', issuer: 'https://idp.test', id })),
  )
})
beforeEach(async () => {
  own = await furtherApplication(world)
})
afterAll(() => service.close())

/** The reference policy with another demand: once any challenge is resolved it allows, whatever was proved. */
function demanding(demand: object): Promise<string> {
  return activatePolicy(world, referencePolicy().replace('"mfa"', JSON.stringify(demand)))
}

async function proved(demand: object, body: object = MFA, tokens: readonly string[] = [prover]): Promise<Retry> {
  await demanding(demand)
  const retry = await paused(own)
  for (const token of tokens) {
    expect((await own.satisfy(retry.challenge_id, token, body)).status).toBe(200)
  }
  return retry
}

/** That a retry pauses anew, on top of what was proved, and takes both in the end. */
async function pausesAnew(retry: Retry, tokens: readonly string[], body: object): Promise<void> {
  const next = retryOf(await own.exchange(retry))
  expect(next.challenge_id).not.toBe(retry.challenge_id)
  expect(await challengeRow(service, next.challenge_id)).toMatchObject({ predecessor_id: retry.challenge_id })
  expect(await challengeRow(service, retry.challenge_id)).toMatchObject({ consumed_at: null })
  for (const token of tokens) await own.satisfy(next.challenge_id, token, body)
  const { txn } = claimsOf((await own.exchange(next)).body.access_token)
  for (const { challenge_id } of [retry, next]) {
    expect((await challengeRow(service, challenge_id)).consumed_by).toBe(txn)
  }
}

test('a proof of another type than policy demands by now pauses the exchange anew', async () => {
  const retry = await proved({ type: 'mfa' })
  await demanding({ type: 'human_approval' })
  await pausesAnew(retry, approvers.slice(0, 1), {})
})

test('a proof of a lower level than policy demands by now pauses the exchange anew', async () => {
  const retry = await proved({ type: 'mfa', aal: 'aal2' })
  await demanding({ type: 'mfa', aal: 'aal3' })
  await pausesAnew(retry, [prover], { ...MFA, aal: 'aal3' })
})

test('fewer approvals than policy demands by now pause the exchange anew', async () => {
  const retry = await proved({ type: 'human_approval' }, {}, approvers.slice(0, 1))
  await demanding({ type: 'human_approval', approvals: 2 })
  await pausesAnew(retry, approvers, {})
})

test('a proof that has grown older than policy accepts pauses the exchange anew', async () => {
  const retry = await proved({ type: 'mfa', max_age: 120 })
  await passTime(service, 121)
  await pausesAnew(retry, [prover], MFA)
})

test('of demands that merge each holds: the shortest life, and an authentication both recent and new', async () => {
  const age = { type: 'mfa', max_age: 3600, ttl_seconds: 86_400 }
  const policy = referencePolicy().replace('{"step_up_required": "mfa"}', (one) => {
    return `${one}, {"step_up_required": ${JSON.stringify(age)}}`
  })
  await activatePolicy(world, policy)
  const answer = await own.exchange({})
  expect(answer.body).toMatchObject({ challenge_type: 'mfa', acr_values: 'aal2', max_age: 3600 })
  const retry = retryOf(answer)
  const { created_at, expires_at } = await challengeRow(service, retry.challenge_id)
  expect(expires_at.getTime() - created_at.getTime()).toBe(300_000)
  const at = Math.floor(created_at.getTime() / 1000)
  for (const auth_time of [at - 1800, at - 120]) {
    const proof = await own.satisfy(retry.challenge_id, prover, { ...MFA, auth_time })
    expect(proof).toMatchObject({ status: 422, body: { code: 'proof_insufficient' } })
  }
  expect((await own.satisfy(retry.challenge_id, prover, { ...MFA, auth_time: at })).status).toBe(200)
  expect((await own.exchange(retry)).status).toBe(200)
})

test('a proof that policy does not ask for any more is neither needed nor used up', async () => {
  const retry = await proved({ type: 'mfa' })
  await activatePolicy(world, 'package countersign.authz\n\nallow contains "everybody"\n')
  const claims = claimsOf((await own.exchange(retry)).body.access_token)
  expect(claims).toMatchObject({ acr: 'aal1', ctx: { challenge_resolved: false } })
  expect(await challengeRow(service, retry.challenge_id)).toMatchObject({ consumed_at: null })
})

test('a denial or a failure of policy leaves the challenge satisfied and unconsumed, for when policy allows', async () => {
  const retry = await proved({ type: 'mfa' })
  const failing = {
    denies: 'package countersign.authz\n\ndeny contains "nobody"\n',
    'has no result': 'package countersign.elsewhere\n\nallow contains "everybody"\n',
    'has half a result': 'package countersign.authz\n\nresult := {"decision": "allow"}\n',
    disagrees: 'package countersign.authz\n\nresult := "allow" if true\n\nresult := "deny" if true\n',
    'denies once it is proved': referencePolicy().replace('if input.context.challenge_resolved', 'if input.no.such'),
    'asks for what nobody knows': referencePolicy('palm_reading'),
    'asks for a reason that cannot be kept': referencePolicy().replace(
      '"mfa"',
      '{"type": "mfa", "reason": "\\u0000", "max_age": 0}',
    ),
  }
  for (const [how, source] of Object.entries(failing)) {
    await activatePolicy(world, source).catch((error: Error) => expect(error.message, how).toMatch(/: 422 /))
    const answer = await own.exchange(retry)
    expect([401, 403], how).toContain(answer.status)
    expect(answer.body).not.toHaveProperty('access_token')
    expect(await challengeRow(service, retry.challenge_id), how).toMatchObject({
      satisfied_at: expect.any(Date),
      consumed_at: null,
      rejected_at: null,
    })
  }
  await demanding({ type: 'mfa' })
  expect((await own.exchange(retry)).status).toBe(200)
})
