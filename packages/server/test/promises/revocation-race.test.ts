import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestService, testService } from '../support/service.js'
import { type Answer, adminOk, createWorld, type Form, type World } from '../support/world.js'
import { asUser, ISSUER } from './issuer.js'
import { claimsOf, furtherApplication, ledgerOf, proverToken, satisfied } from './support.js'

const ALLOW = 'package countersign.authz\n\nallow contains "everybody"\n'
const DENY = 'package countersign.authz\n\ndeny contains {"policy": "nobody", "reason": "closed"}\n'

/** Of each of seven kinds so many rounds, in each so many exchanges: 2,800 in all. */
const ROUNDS = 8
const RACING = 40
const AFTERWARDS = 10

let service: TestService
let beside: TestService

beforeAll(async () => {
  service = await testService()
  beside = await testService({ beside: service })
})
afterAll(async () => {
  await beside.close()
  await service.close()
})

/** What is raced: whose requests, how it is taken away, and the event that says so. */
interface Race {
  readonly world: World
  readonly forms: readonly Form[]
  readonly event: string
  readonly revoke: (node: TestService) => Promise<unknown>
  /** What was issued on what is taken away, in events of the application. */
  readonly concerns?: (event: Record<string, unknown>) => boolean
}

async function run(race: Race, round: number): Promise<{ readonly issued: number; readonly refused: number }> {
  const { world, forms, event } = race
  const nodes = [service, beside]
  const send = (n: number): Promise<Answer> =>
    world.exchange(forms[n % forms.length], { url: (nodes[n % 2] as TestService).url })
  const before = (await ledgerOf(service, world.zoneId)).length

  const racing: Promise<Answer>[] = []
  let revoked: Promise<unknown> | undefined
  // The revocation sets off at another moment of the race in each round.
  const start = 2 + Math.floor((round * (RACING - 4)) / ROUNDS)
  for (let n = 0; n < RACING; n++) {
    racing.push(send(n))
    if (n === start) revoked = race.revoke(nodes[round % 2] as TestService)
    if (n % 4 === 3) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await revoked
  const after = await Promise.all(Array.from({ length: AFTERWARDS }, (_none, n) => send(n)))
  const answers = await Promise.all(racing)
  expect(after.map(({ status }) => status)).not.toContain(200)
  for (const { status } of [...answers, ...after]) expect([200, 400, 401, 403]).toContain(status)

  const leaves = (await ledgerOf(service, world.zoneId)).slice(before)
  const end = leaves.findIndex((leaf) => leaf.event.type === event)
  expect(end).toBeGreaterThanOrEqual(0)
  const issues = leaves.filter(
    (leaf) =>
      leaf.event.outcome === 'issued' &&
      leaf.event.application_id === world.application.id &&
      (race.concerns?.(leaf.event) ?? true),
  )
  expect(issues.filter(({ index }) => index > (leaves[end]?.index ?? 0))).toEqual([])
  // Every mandate that was received is among those.
  const received = answers.filter(({ status }) => status === 200).map(({ body }) => claimsOf(body.access_token).txn)
  expect(issues.map(({ id }) => id)).toEqual(expect.arrayContaining(received))
  return { issued: received.length, refused: answers.length - received.length }
}

async function races(prepare: (round: number) => Promise<Race>): Promise<void> {
  let issued = 0
  let refused = 0
  for (let round = 0; round < ROUNDS; round++) {
    const result = await run(await prepare(round), round)
    issued += result.issued
    refused += result.refused
  }
  // A race that one side always wins shows nothing.
  expect(issued).toBeGreaterThan(ROUNDS)
  expect(refused).toBeGreaterThan(ROUNDS)
}

describe('no issued leaf stands after the leaf', () => {
  let world: World
  beforeAll(async () => {
    world = await createWorld(service, { policy: ALLOW })
  })

  const path = (...parts: string[]): string => ['/v1/zones', world.zoneId, ...parts].join('/')

  test('that revokes the session', async () => {
    await races(async () => {
      const own = await furtherApplication(world)
      const sid = String(claimsOf((await own.exchange()).body.access_token).sid)
      return {
        world: own,
        forms: [{}, { resource: undefined, scope: undefined }, { scope: 'read' }],
        event: 'session.revoked',
        revoke: (node) => adminOk(node, 'POST', path('sessions', sid, 'revoke'), {}),
      }
    })
  })

  test('that suspends the session', async () => {
    await races(async () => {
      const own = await furtherApplication(world)
      const sid = String(claimsOf((await own.exchange()).body.access_token).sid)
      return {
        world: own,
        forms: [{}],
        event: 'session.suspended',
        revoke: (node) => adminOk(node, 'POST', path('sessions', sid, 'suspend'), {}),
      }
    })
  })

  test('that revokes the subject, whose tokens open sessions all the while', async () => {
    await races(async (round) => {
      const own = await furtherApplication(world)
      const sub = `user-${round}`
      const users = await Promise.all(Array.from({ length: 13 }, () => asUser(world, { sub })))
      for (const form of users.slice(0, 3)) await own.exchange(form)
      return {
        world: own,
        forms: users,
        event: 'subject.revoked',
        revoke: (node) =>
          adminOk(node, 'POST', path('subjects', 'revoke'), { subject: { kind: 'user', issuer: ISSUER, id: sub } }),
      }
    })
  })

  test('that deletes the application', async () => {
    await races(async () => {
      const own = await furtherApplication(world)
      await own.exchange()
      return {
        world: own,
        forms: [{}, { resource: undefined, scope: undefined }],
        event: 'application.deleted',
        revoke: (node) => adminOk(node, 'DELETE', path('applications', own.application.id)),
      }
    })
  })

  test('that deletes the grant', async () => {
    await races(async () => {
      const own = await furtherApplication(world)
      await own.exchange()
      return {
        world: own,
        forms: [{}, { scope: 'read' }],
        event: 'grant.deleted',
        revoke: (node) => adminOk(node, 'DELETE', path('grants', own.grantId)),
      }
    })
  })

  test('that activates a policy which denies', async () => {
    const own = await createWorld(service, { policy: ALLOW })
    const base = `/v1/zones/${own.zoneId}`
    const denied = await adminOk(service, 'POST', `${base}/policies`, { name: 'deny', source: DENY })
    const { version } = denied as { version: { id: string } }
    const set = await adminOk(service, 'POST', `${base}/policy-sets`, { name: 'deny', policy_versions: [version.id] })
    await races(async (round) => {
      if (round > 0) await adminOk(service, 'POST', `${base}/policy-sets/${own.setId}/activate`, {})
      await own.exchange()
      return {
        world: own,
        forms: [{}, { scope: 'read' }],
        event: 'policy_set.activated',
        revoke: (node) => adminOk(node, 'POST', `${base}/policy-sets/${set.id}/activate`, {}),
      }
    })
  })

  test('that deletes the zone', async () => {
    await races(async () => {
      const own = await createWorld(service, { policy: ALLOW })
      await Promise.all([service, beside].map(({ url }) => own.exchange({}, { url })))
      return {
        world: own,
        forms: [{}, { resource: undefined, scope: undefined }],
        event: 'zone.deleted',
        revoke: (node) => adminOk(node, 'DELETE', `/v1/zones/${own.zoneId}`),
      }
    })
  })
})

test('no challenge is consumed after the leaf that rejects it', async () => {
  const world = await createWorld(service)
  const prover = await proverToken(world)
  let won = 0
  for (let round = 0; round < 24; round++) {
    const own = await furtherApplication(world)
    const retry = await satisfied(own, prover)
    const path = `/v1/zones/${world.zoneId}/step-up-challenges/${retry.challenge_id}/reject`
    const [answer] = await Promise.all([
      own.exchange(retry, { url: beside.url }),
      new Promise((resolve) => setTimeout(resolve, round % 6)).then(() =>
        adminOk(service, 'POST', path, {}).catch((error: Error) => expect(error.message).toMatch(/: 404 /)),
      ),
    ])
    const leaves = await ledgerOf(service, world.zoneId)
    const of = (type: string, outcome: string) =>
      leaves.filter(
        ({ event }) =>
          event.type === type && event.outcome === outcome && JSON.stringify(event).includes(retry.challenge_id),
      )
    const issues = of('token_exchange', 'issued')
    // One or the other, never both, and never neither.
    expect(issues.length + of('challenge.rejected', 'recorded').length).toBe(1)
    expect(issues).toHaveLength(answer.status === 200 ? 1 : 0)
    won += issues.length
  }
  expect(won).toBeGreaterThan(0)
})
