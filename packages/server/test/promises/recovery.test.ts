import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestService, testService } from '../support/service.js'
import {
  activatePolicy,
  adminOk,
  createWorld,
  type Form,
  postForm,
  referencePolicy,
  type World,
} from '../support/world.js'
import {
  CHALLENGE_INVALID,
  claimsOf,
  furtherApplication,
  ledgerOf,
  passTime,
  proverToken,
  query,
  satisfied,
} from './support.js'

let service: TestService
let beside: TestService
let world: World
let prover: string

beforeAll(async () => {
  service = await testService()
  beside = await testService({ beside: service })
  world = await createWorld(service)
  prover = await proverToken(world)
})
afterAll(async () => {
  await beside.close()
  await service.close()
})

function idempotencyKey(): { readonly headers: Record<string, string> } {
  return { headers: { 'idempotency-key': randomBytes(16).toString('hex') } }
}

/** An application of its own with a mandate issued under a key, as if its answer had been lost. */
async function issued(form: Form = {}) {
  const own = await furtherApplication(world)
  const retry = { ...(await satisfied(own, prover, form)), ...form }
  const key = idempotencyKey()
  const answer = await own.exchange(retry, key)
  expect(answer.status).toBe(200)
  return { own, retry, key, claims: claimsOf(answer.body.access_token), token: String(answer.body.access_token) }
}

/** Keeps a lock until it is released. */
async function holding(lock: string): Promise<{ release(): Promise<void> }> {
  const client = new pg.Client({ connectionString: service.database.url, options: '-c search_path=countersign' })
  await client.connect()
  client.on('error', () => {})
  await client.query(`BEGIN; ${lock}`)
  return {
    async release() {
      await client.query('COMMIT')
      await client.end()
    },
  }
}

/** Resolves when a query like this waits for a lock. */
async function blocked(like: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const waiting = await query(
      service,
      `SELECT FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1 AND pid <> pg_backend_pid()`,
      [like],
    )
    if (waiting.length > 0) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`nothing like ${like} waits`)
}

describe('an Idempotency-Key recovers a lost answer', () => {
  test('with the same claims, on any node, each time recorded', async () => {
    const { own, retry, key, claims } = await issued()
    for (const { url } of [service, beside, service]) {
      const again = await own.exchange(retry, { ...key, url })
      expect(again.status).toBe(200)
      expect(claimsOf(again.body.access_token)).toEqual(claims)
    }
    const leaves = await ledgerOf(service, world.zoneId)
    expect(leaves.filter(({ event }) => event.recovers === claims.txn)).toHaveLength(3)
    expect(leaves.filter(({ event }) => event.jti === claims.jti && event.recovers === undefined)).toHaveLength(1)
  })

  test('64 times at once across two nodes: one mandate, and everybody gets it', async () => {
    const own = await furtherApplication(world)
    const retry = await satisfied(own, prover)
    const key = idempotencyKey()
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_none, n) => own.exchange(retry, { ...key, url: (n % 2 ? beside : service).url })),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(new Set(answers.map(({ body }) => claimsOf(body.access_token).jti)).size).toBe(1)
  })

  test('also to a repeat that looked for it before the first was recorded, and at the challenge after', async () => {
    const own = await furtherApplication(world)
    const retry = await satisfied(own, prover)
    const key = idempotencyKey()
    const zone = await holding(`SELECT FROM zone_heads WHERE zone_id = '${world.zoneId}' FOR NO KEY UPDATE`)
    const first = own.exchange(retry, key)
    await blocked('%commit_batch%')
    const look = await holding('LOCK TABLE challenge_throttles IN ACCESS EXCLUSIVE MODE')
    const second = own.exchange(retry, { ...key, url: beside.url })
    await blocked('%SELECT asked.n,%')
    await zone.release()
    const recorded = await first
    await look.release()
    const recovered = await second
    expect([recorded.status, recovered.status]).toEqual([200, 200])
    expect(claimsOf(recovered.body.access_token)).toEqual(claimsOf(recorded.body.access_token))
  })

  test('never longer: what is left shrinks with time, and what has ended is not recovered', async () => {
    const { own, retry, key, claims } = await issued({ ttl_seconds: '240' })
    await passTime([service, beside], 120)
    const again = await own.exchange(retry, key)
    expect(claimsOf(again.body.access_token)).toEqual(claims)
    expect(again.body.expires_in).toBeLessThanOrEqual(120)
    await passTime([service, beside], 121)
    expect(await own.exchange(retry, key)).toMatchObject(CHALLENGE_INVALID)
  })

  test('for no other request, and not without the challenge that the first one showed', async () => {
    const { own, retry, key } = await issued()
    const mismatch = {
      status: 400,
      body: { error: 'invalid_request', error_description: expect.stringMatching(/^idempotency_mismatch: /) },
    }
    for (const form of [{ scope: 'read' }, { ttl_seconds: '60' }, { ...retry, scope: 'read transfer' }, {}]) {
      expect(await own.exchange(form, key)).toMatchObject(mismatch)
    }
    expect(await own.exchange({ ...retry, challenge_response: 'x'.repeat(43) }, key)).toMatchObject(CHALLENGE_INVALID)
  })

  test('for no other application: the same key is another key there', async () => {
    const { retry, key } = await issued()
    const another = await furtherApplication(world)
    expect(await another.exchange(retry, key)).toMatchObject(CHALLENGE_INVALID)
  })
})

describe('never after a revocation', () => {
  test('of the session', async () => {
    const { own, retry, key, claims } = await issued()
    await adminOk(service, 'POST', `/v1/zones/${world.zoneId}/sessions/${claims.sid}/revoke`, {})
    expect(await own.exchange(retry, key)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  })

  test('of the grant', async () => {
    const { own, retry, key } = await issued()
    await adminOk(service, 'DELETE', `/v1/zones/${world.zoneId}/grants/${own.grantId}`)
    expect(await own.exchange(retry, key)).toMatchObject({ status: 403, body: { error: 'access_denied' } })
  })

  test('of the mandate itself', async () => {
    const { own, retry, key, token } = await issued()
    const revoked = await postForm(`${service.url}/oauth/2/revoke`, {
      zone_id: world.zoneId,
      client_id: own.application.id,
      client_secret: own.application.secret,
      token,
    })
    expect(revoked.status).toBe(200)
    for (const { url } of [service, beside]) {
      expect(await own.exchange(retry, { ...key, url })).toMatchObject({
        status: 400,
        body: { error: 'invalid_grant', error_description: expect.stringMatching(/^mandate_revoked: /) },
      })
    }
  })

  test('of the application', async () => {
    const { own, retry, key } = await issued()
    await adminOk(service, 'DELETE', `/v1/zones/${world.zoneId}/applications/${own.application.id}`)
    for (const { url } of [service, beside]) {
      expect(await own.exchange(retry, { ...key, url })).toMatchObject({
        status: 401,
        body: { error: 'invalid_client' },
      })
    }
  })

  test('by policy, which now asks for another proof or denies', async () => {
    const { own, retry, key } = await issued()
    await activatePolicy(world, referencePolicy('human_approval'))
    expect(await own.exchange(retry, key)).toMatchObject(CHALLENGE_INVALID)
    await activatePolicy(world, referencePolicy().replaceAll('if input.context.challenge_resolved', 'if false'))
    expect((await own.exchange(retry, key)).status).toBe(403)
  })
})
