import { randomBytes } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AUDIENCE, ID_TOKEN } from '../promises/issuer.js'
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
