import { type ChallengeState, challengeState, identityKey } from '@countersign/protocol'
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findLive, readChallenge } from '../../src/challenge/queries.js'
import { hashSecret } from '../../src/challenge/secrets.js'
import { chainState, cooldownSeconds } from '../../src/challenge/state.js'
import { newId } from '../../src/store/ids.js'
import { ALICE, BOOTSTRAP, CAROL, ChallengeWorld, call, DAVE, type TestNode } from './support.js'

let world: ChallengeWorld
let node: TestNode

beforeAll(async () => {
  world = await ChallengeWorld.open()
  node = await world.node()
})
afterAll(() => world.close())

const list = (query: string, bearer = BOOTSTRAP) => call(`${node.url}${world.path()}?${query}`, { bearer })
const stateOf = async (id: string): Promise<ChallengeState> =>
  (await call(`${node.url}${world.path(id)}`, { bearer: BOOTSTRAP })).body.state

/** What a challenge may be next, by what it is. */
const NEXT: { readonly [state in ChallengeState]: readonly ChallengeState[] } = {
  pending: ['satisfied', 'rejected', 'expired'],
  satisfied: ['consumed', 'rejected', 'expired'],
  consumed: [],
  rejected: [],
  expired: [],
}

test('whatever is done to a challenge, it only takes steps that the precedence allows', async () => {
  const carol = await world.token(['approve'], { owner: CAROL })
  const dave = await world.token(['approve'], { owner: DAVE })
  const requester = await world.token(['approve'], { owner: ALICE })
  const post = (id: string, act: string, bearer: string) =>
    call(`${node.url}${world.path(id)}/${act}`, { bearer, body: {} })
  type Operation = (challenge: { id: string; secret: string }) => Promise<unknown>
  const operations: { readonly [name: string]: Operation } = {
    carol: ({ id }) => post(id, 'satisfy', carol.token),
    dave: ({ id }) => post(id, 'satisfy', dave.token),
    requester: ({ id }) => post(id, 'satisfy', requester.token),
    reject: ({ id }) => post(id, 'reject', carol.token),
    cancel: ({ id, secret }) => call(`${node.url}${world.waitPath(id)}`, { bearer: secret, method: 'DELETE' }),
    // As a commit does it, on its conditions.
    consume: ({ id }) =>
      sql`UPDATE step_up_challenges SET consumed_at = countersign.now() WHERE zone_id = ${world.zoneId} AND id = ${id}
        AND satisfied_at IS NOT NULL AND rejected_at IS NULL AND consumed_at IS NULL AND expires_at > countersign.now()`.execute(
        world.db,
      ),
    later: () => world.shift(100_000),
  }
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...Object.keys(operations)), { minLength: 1, maxLength: 8 }),
      fc.constantFrom(1, 2),
      async (names, approvals) => {
        const challenge = await world.challenge({ demand: { approvals } })
        let state: ChallengeState = 'pending'
        const approved = new Set<string>()
        for (const name of names) {
          await operations[name]?.(challenge)
          if (state === 'pending' && (name === 'carol' || name === 'dave')) approved.add(name)
          const next = await stateOf(challenge.id)
          if (next !== state) expect(NEXT[state]).toContain(next)
          if (next === 'satisfied') expect(approved.size).toBeGreaterThanOrEqual(approvals)
          const { challenge: record, now } = await readChallenge(world.db, world.zoneId, challenge.id)
          expect(record && chainState(record, now)).toBe(next)
          state = next
          seen.add(state)
        }
      },
    ),
    {
      numRuns: 30,
      // So that every state is reached in every run.
      examples: [
        [['carol', 'carol', 'dave', 'consume', 'reject'], 2],
        [['later', 'later', 'later', 'carol', 'consume'], 1],
        [['dave', 'reject', 'consume'], 1],
      ],
    },
  )
  expect([...seen].sort()).toEqual(['consumed', 'expired', 'pending', 'rejected', 'satisfied'])
})

test('a list by state holds exactly the challenges that are in it', async () => {
  const made = {
    pending: await world.challenge(),
    satisfied: await world.challenge({ satisfied: true }),
    expired: await world.challenge({ satisfied: true, ttlMs: -1_000 }),
    rejected: await world.challenge(),
    consumed: await world.challenge({ ttlMs: -1_000 }),
  }
  const at = new Date()
  const update = (id: string, set: object) =>
    world.db.updateTable('step_up_challenges').set(set).where('id', '=', id).execute()
  await update(made.rejected.id, { rejected_at: at })
  await update(made.consumed.id, { consumed_at: at, rejected_at: at, satisfied_at: at })
  const ids = new Set(Object.values(made).map(({ id }) => id))
  for (const [state, { id }] of Object.entries(made)) {
    const { body } = await list(`state=${state}&limit=500`)
    expect(body.items.filter((item) => ids.has(item.id)).map((item) => item.id)).toEqual([id])
    expect(body.items.every((item) => item.state === state)).toBe(true)
  }
})

test('a list filters by type and by principal, the id alone or the whole identity', async () => {
  const principal = { kind: 'user', issuer: 'https://idp.example', id: 'er"in' } as const
  const { id } = await world.challenge({ type: 'mfa', principalId: identityKey(principal) })
  await world.challenge({ type: 'mfa', principalId: identityKey({ ...principal, id: 'x,"er\\"in"]' }) })
  for (const text of [principal.id, identityKey(principal)]) {
    const { body } = await list(`principal=${encodeURIComponent(text)}&type=mfa`)
    expect(body.items.map((item) => item.id)).toEqual([id])
  }
  expect((await list(`principal=er&type=mfa`)).body.items).toEqual([])
  expect((await list(`principal=${encodeURIComponent(principal.id)}&type=human_approval`)).body.items).toEqual([])
})

test('pages skip nothing and repeat nothing, also when times tie and more come in between', async () => {
  const principalId = 'paged'
  const expected: string[] = []
  for (let i = 0; i < 7; i++) expected.push((await world.challenge({ principalId })).id)
  const seen: string[] = []
  let cursor: string | null = null
  do {
    const page = await list(`principal=${principalId}&limit=3${cursor === null ? '' : `&cursor=${cursor}`}`)
    seen.push(...page.body.items.map((item) => item.id))
    cursor = page.body.next_cursor
    await world.challenge({ principalId })
  } while (cursor !== null)
  expect(seen).toEqual(expected.sort().reverse())
})

test('what a list is asked badly is 400, and who may not see is 403', async () => {
  for (const query of ['state=done', 'type=password', 'limit=0', 'cursor=x', 'colour=red']) {
    expect([query, (await list(query)).status]).toEqual([query, 400])
  }
  const auditor = await world.token(['audit'])
  expect((await list('', auditor.token)).status).toBe(403)
  for (const capability of ['read', 'approve', 'prove', 'attest'] as const) {
    const { token } = await world.token([capability])
    expect((await list('limit=1', token)).status).toBe(200)
  }
})

test("another zone's challenges are nowhere to be seen", async () => {
  const otherZone = newId(Date.now())
  await world.zone(otherZone)
  const { id, secret } = await world.challenge({ zoneId: otherZone, principalId: 'elsewhere' })
  const everywhere = await world.token(['read', 'write', 'approve', 'prove', 'attest'], { zoneId: null })
  expect((await list('principal=elsewhere', everywhere.token)).body.items).toEqual([])
  expect((await call(`${node.url}${world.path(id)}`, { bearer: everywhere.token })).status).toBe(404)
  for (const act of ['satisfy', 'reject']) {
    const answer = await call(`${node.url}${world.path(id)}/${act}`, { bearer: everywhere.token, body: {} })
    expect(answer.status).toBe(404)
  }
  const own = await world.token(['read', 'approve'])
  const abroad = `${node.url}/v1/zones/${otherZone}/step-up-challenges`
  for (const url of [abroad, `${abroad}/${id}`]) expect((await call(url, { bearer: own.token })).status).toBe(404)
  expect((await call(`${abroad}/${id}/satisfy`, { bearer: own.token, body: {} })).status).toBe(404)
  expect((await readChallenge(world.db, world.zoneId, id)).challenge).toBeUndefined()
  expect((await call(`${node.url}${world.waitPath(id)}`, { bearer: secret })).status).toBe(404)
})

test('a challenge is read with its chain, its secrets and the throttle of who asks, in one query', async () => {
  const first = await world.challenge({ type: 'mfa', satisfied: true, binding: 'chain' })
  const second = await world.challenge({ type: 'software_attestation', satisfied: true, predecessorId: first.id })
  const third = await world.challenge({ predecessorId: second.id })
  const extra = await world.secret(third.id)
  await sql`INSERT INTO challenge_throttles (zone_id, application_id, principal_id, failures, blocked_until)
    VALUES (${world.zoneId}, ${world.applicationId}, 'alice', ARRAY[countersign.now()], countersign.now() + interval '90 seconds')`.execute(
    world.db,
  )
  const before = node.queries()
  const caller = { applicationId: world.applicationId, principalId: 'alice' }
  const reading = await readChallenge(node.db, world.zoneId, third.id, caller)
  expect(node.queries() - before).toBe(1)
  const { challenge, now, throttle } = reading
  expect(challenge?.predecessors.map((part) => [part.id, part.type])).toEqual([
    [second.id, 'software_attestation'],
    [first.id, 'mfa'],
  ])
  expect(challenge?.secretHashes.map((hash) => hash.toString('hex')).sort()).toEqual(
    [third.secret, extra].map((secret) => hashSecret(secret).toString('hex')).sort(),
  )
  expect(challenge?.hasSuccessor).toBe(false)
  expect(Math.abs(now - (await world.now()))).toBeLessThan(1_000)
  expect(cooldownSeconds(throttle, now)).toBe(90)
  expect(cooldownSeconds(throttle, now + 90_000)).toBe(0)
  const standing = await readChallenge(world.db, world.zoneId, first.id, { ...caller, principalId: 'bob' })
  expect(standing.challenge?.hasSuccessor).toBe(true)
  expect(standing.throttle).toBeNull()
  expect((await readChallenge(world.db, world.zoneId, 'no id', caller)).throttle?.failures).toHaveLength(1)
})

test('challenges that are asked for at the same moment are read together, and each asker gets its own', async () => {
  const ids = await Promise.all(Array.from({ length: 4 }, async () => (await world.challenge()).id))
  const [first = '', ...rest] = ids
  const successor = await world.challenge({ predecessorId: first, principalId: 'erin' })
  const otherZone = newId(await world.now())
  const caller = { applicationId: world.applicationId, principalId: 'mallory' }
  await sql`INSERT INTO challenge_throttles (zone_id, application_id, principal_id, failures)
    VALUES (${world.zoneId}, ${world.applicationId}, 'mallory', ARRAY[countersign.now()])`.execute(world.db)
  const before = node.queries()
  const readings = await Promise.all([
    ...[successor.id, ...rest].map((id) => readChallenge(node.db, world.zoneId, id)),
    readChallenge(node.db, otherZone, first),
    readChallenge(node.db, world.zoneId, first, caller),
    readChallenge(node.db, world.zoneId, 'no id'),
  ])
  expect(node.queries() - before).toBe(1)
  expect(readings.map(({ challenge }) => challenge?.id)).toEqual([successor.id, ...rest, undefined, first, undefined])
  expect(readings.map(({ challenge }) => challenge?.predecessors.map(({ id }) => id))).toEqual([
    [first],
    ...rest.map(() => []),
    undefined,
    [],
    undefined,
  ])
  expect(readings.map(({ throttle }) => throttle?.failures.length)).toEqual(
    readings.map((_, n) => (n === 5 ? 1 : undefined)),
  )
  expect(readings.map(({ challenge }) => challenge?.hasSuccessor)).toEqual([
    false,
    false,
    false,
    false,
    undefined,
    true,
    undefined,
  ])
})

test('a chain is satisfied only when all of it is', async () => {
  const first = await world.challenge({ type: 'mfa', satisfied: true, ttlMs: -1_000 })
  const last = await world.challenge({ predecessorId: first.id, satisfied: true })
  const read = async () => {
    const { challenge, now } = await readChallenge(world.db, world.zoneId, last.id)
    if (challenge === undefined) throw new Error('it is there')
    return [challengeState(challenge, now), chainState(challenge, now)]
  }
  const update = (set: object) =>
    world.db.updateTable('step_up_challenges').set(set).where('id', '=', first.id).execute()
  // A predecessor lives as long as its successor, whatever its own row says.
  expect(await read()).toEqual(['satisfied', 'satisfied'])
  await update({ satisfied_at: null })
  expect(await read()).toEqual(['satisfied', 'pending'])
  await update({ satisfied_at: new Date(), rejected_at: new Date() })
  expect(await read()).toEqual(['satisfied', 'rejected'])
  await update({ rejected_at: null, consumed_at: new Date() })
  expect(await read()).toEqual(['satisfied', 'rejected'])
})

test('a repeat of a request finds its live challenge: the last of the chain, and of no other application', async () => {
  const binding = 'repeat'
  const first = await world.challenge({ binding, type: 'mfa', satisfied: true })
  const { challenge } = await readChallenge(world.db, world.zoneId, first.id)
  const hash = challenge?.bindingHash ?? Buffer.alloc(0)
  const find = () => findLive(world.db, world.zoneId, world.applicationId, hash)
  expect((await find())?.id).toBe(first.id)
  const last = await world.challenge({ binding, predecessorId: first.id })
  expect((await find())?.id).toBe(last.id)
  expect(await findLive(world.db, world.zoneId, newId(Date.now()), hash)).toBeUndefined()
  expect(await findLive(world.db, newId(Date.now()), world.applicationId, hash)).toBeUndefined()
  await call(`${node.url}${world.path(last.id)}/reject`, { bearer: BOOTSTRAP, body: {} })
  // What stood beneath cannot be used alone, so the request begins anew.
  expect(await find()).toBeUndefined()
  const expired = await world.challenge({ binding: 'other', ttlMs: -1 })
  const gone = await readChallenge(world.db, world.zoneId, expired.id)
  const otherHash = gone.challenge?.bindingHash ?? Buffer.alloc(0)
  expect(await findLive(world.db, world.zoneId, world.applicationId, otherHash)).toBeUndefined()
})
