import { randomBytes } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AUDIENCE, ID_TOKEN } from '../promises/issuer.js'
import { query } from '../promises/support.js'
import { type TestService, testService } from '../support/service.js'
import { adminOk, createWorld, type World } from '../support/world.js'

let service: TestService
let world: World
let neighbour: World

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service)
  neighbour = await createWorld(service)
})
afterAll(() => service.close())

const SESSION = { resource: undefined, scope: undefined }

/** Exchanges of two zones that go into one commit. */
const together = (form = {}) =>
  Promise.all([neighbour.exchange({ ...SESSION, ...form }), world.exchange(SESSION), world.exchange(SESSION)])

/** A token of an identity provider that the neighbour trusts, for a subject of so many characters that don't compress. */
async function longToken(issuer: string, characters: number): Promise<string> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }] }
  const path = `/v1/zones/${neighbour.zoneId}/subject-issuers`
  await adminOk(service, 'POST', path, { issuer, audience: AUDIENCE, jwks, aal: {} })
  const ideograph = () => String.fromCharCode(0x4e00 + Math.floor(Math.random() * 20_000))
  return new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer(issuer)
    .setAudience(AUDIENCE)
    .setSubject(Array.from({ length: characters }, ideograph).join(''))
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey)
}

test('a subject longer than the database can look up is refused, and the longest it can is not', async () => {
  const long = await longToken(`https://idp.test/${randomBytes(1_400).toString('base64url')}`, 512)
  const [refused, ...others] = await together({ subject_token: long, subject_token_type: ID_TOKEN })
  expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
  expect(others.map(({ status }) => status)).toEqual([200, 200])
  const longest = await longToken('https://idp.test/x', 512)
  const accepted = await neighbour.exchange({ ...SESSION, subject_token: longest, subject_token_type: ID_TOKEN })
  expect(accepted.status).toBe(200)
})

test('while one zone is locked, the others go on', async () => {
  await together()
  const holder = new pg.Client(service.database.url)
  await holder.connect()
  try {
    await holder.query('BEGIN')
    await holder.query('SELECT FROM countersign.zone_heads WHERE zone_id = $1 FOR UPDATE', [neighbour.zoneId])
    // Whatever waits while the first is being tried goes into one commit.
    const first = neighbour.exchange(SESSION)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const [locked, ...others] = await together()
    for (const answer of [await first, locked]) {
      expect(answer).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } })
    }
    expect(others.map(({ status }) => status)).toEqual([200, 200])
  } finally {
    await holder.end()
  }
})

/** How many rows of a table were read so far. */
async function rowsRead(table: string, of = service): Promise<number> {
  const [row] = await query<{ read: number }>(
    of,
    `SELECT seq_tup_read + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i WHERE i.relid = t.relid)::float8 AS read
     FROM pg_stat_user_tables t WHERE relname = $1`,
    [table],
  )
  return row?.read ?? Number.NaN
}

// Backends tell what they have read a second later at the earliest.
const settle = () => new Promise((resolve) => setTimeout(resolve, 1_500))

test('challenges that have expired cost a new one nothing', () => expectUnread({ age: '9 h', ofOthers: false }))

test('live challenges of others cost a new one nothing', () => expectUnread({ age: '0', ofOthers: true }))

async function expectUnread({ age, ofOthers }: { age: string; ofOthers: boolean }): Promise<void> {
  // Nobody has counted anything in it, and its plans are made while there is next to nothing.
  const fresh = await testService()
  try {
    const { exchange } = await createWorld(fresh)
    const { challenge_id: id } = (await exchange()).body
    const others = 5_000
    await query(
      fresh,
      `INSERT INTO countersign.step_up_challenges (zone_id, id, session_id, principal_id, application_id, challenge_type,
         demand, requesters, requester_applications, request_json, binding_hash, created_at, expires_at)
       SELECT zone_id, gen_random_uuid(), session_id, principal_id || CASE WHEN $3 THEN n::text ELSE '' END, application_id,
         challenge_type, demand, requesters, requester_applications, request_json, sha256(n::text::bytea),
         created_at - $4::interval, expires_at - $4::interval
       FROM countersign.step_up_challenges, generate_series(1, $2) n WHERE id = $1`,
      [id, others, ofOthers, age],
    )
    await settle()
    await exchange({ ttl_seconds: '99' })
    await settle()
    const before = await rowsRead('step_up_challenges', fresh)
    const created = 5
    for (let n = 0; n < created; n++) {
      expect((await exchange({ ttl_seconds: String(100 + n) })).status).toBe(401)
    }
    await settle()
    await exchange({ ttl_seconds: '99' })
    await settle()
    // What sweeps now and then may have read them once.
    expect((await rowsRead('step_up_challenges', fresh)) - before).toBeLessThan(created * others)
  } finally {
    await fresh.close()
  }
}

test.each([
  ['has not counted them', 'SELECT'],
  ['counted them while they were few', 'VACUUM (FULL, ANALYZE) countersign.sessions'],
])("others' sessions cost an exchange nothing, also when the database %s", async (_when, count) => {
  const others = 5_000
  await query(
    service,
    'DELETE FROM countersign.sessions WHERE key_hash IN (SELECT sha256(n::text::bytea) FROM generate_series(1, $1) n)',
    [others],
  )
  await query(service, count)
  // Here its plans are made.
  expect((await neighbour.exchange(SESSION)).status).toBe(200)
  await query(
    service,
    `INSERT INTO countersign.sessions (zone_id, id, kind, issuer, subject, subject_key, application_id, key_hash, created_at,
       expires_at, last_used_at)
     SELECT zone_id, gen_random_uuid(), kind, issuer, subject || n, subject_key || n, application_id, sha256(n::text::bytea),
       created_at, expires_at, last_used_at
     FROM (SELECT * FROM countersign.sessions WHERE zone_id = $1 LIMIT 1) one, generate_series(1, $2) n`,
    [neighbour.zoneId, others],
  )
  await settle()
  const before = await rowsRead('sessions')
  for (let n = 0; n < 5; n++) expect((await neighbour.exchange(SESSION)).status).toBe(200)
  await settle()
  await neighbour.exchange(SESSION)
  await settle()
  expect((await rowsRead('sessions')) - before).toBeLessThan(others)
})
