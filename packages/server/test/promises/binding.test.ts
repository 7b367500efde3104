import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestService, testService } from '../support/service.js'
import { adminOk, createWorld, type Form, type World } from '../support/world.js'
import { asUser, ISSUER } from './issuer.js'
import { CHALLENGE_INVALID, challengeRow, claimsOf, furtherApplication, MFA, proverToken, retryOf } from './support.js'

const RESOURCES = ['resource://payments', 'resource://refunds', 'resource://payments/EU']
const SCOPES = ['read', 'transfer', 'Transfer', 'write']

/** What a request says, apart from who sends it. */
interface Said {
  readonly resources: readonly string[]
  readonly scopes: readonly string[]
  readonly ttl: number | undefined
  readonly tokenType: 'access_token' | 'jwt' | undefined
  /** Which of the users, and which of their logins; undefined for the application itself. */
  readonly login: number | undefined
  /** Whether a clerk acts for the subject. */
  readonly actor: boolean
}

const said = fc.record<Said>({
  resources: fc.subarray(RESOURCES, { minLength: 1 }),
  scopes: fc.subarray(SCOPES, { minLength: 1 }),
  ttl: fc.option(fc.integer({ min: 1, max: 2_000 }), { nil: undefined }),
  tokenType: fc.constantFrom(undefined, 'access_token', 'jwt'),
  login: fc.option(fc.nat(3), { nil: undefined }),
  actor: fc.boolean(),
})

/** Another request, that differs in exactly one part. */
function changed(from: Said): fc.Arbitrary<{ readonly part: keyof Said; readonly to: Said }> {
  const other = <T>(of: fc.Arbitrary<T>, now: T): fc.Arbitrary<T> =>
    of.filter((value) => JSON.stringify(value) !== JSON.stringify(now))
  const normal = (type: Said['tokenType']): string => type ?? 'access_token'
  return fc.oneof(
    other(fc.subarray(RESOURCES, { minLength: 1 }), from.resources).map((resources) => ({
      part: 'resources' as const,
      to: { ...from, resources },
    })),
    other(fc.subarray(SCOPES, { minLength: 1 }), from.scopes).map((scopes) => ({
      part: 'scopes' as const,
      to: { ...from, scopes },
    })),
    other(fc.option(fc.integer({ min: 1, max: 2_000 }), { nil: undefined }), from.ttl).map((ttl) => ({
      part: 'ttl' as const,
      to: { ...from, ttl },
    })),
    fc
      .constantFrom(undefined, 'access_token' as const, 'jwt' as const)
      .filter((type) => normal(type) !== normal(from.tokenType))
      .map((tokenType) => ({ part: 'tokenType' as const, to: { ...from, tokenType } })),
    other(fc.option(fc.nat(3), { nil: undefined }), from.login).map((login) => ({
      part: 'login' as const,
      to: { ...from, login },
    })),
    fc.constant({ part: 'actor' as const, to: { ...from, actor: !from.actor } }),
  )
}

let service: TestService
let world: World
let prover: string
let logins: Form[]
let actor: Form

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service)
  const base = `/v1/zones/${world.zoneId}`
  const [resource] = RESOURCES
  await adminOk(service, 'PATCH', `${base}/resources/${world.resourceId}`, { scopes: SCOPES })
  for (const identifier of RESOURCES) {
    if (identifier !== resource) await adminOk(service, 'POST', `${base}/resources`, { identifier, scopes: SCOPES })
    const grant = { application_id: world.application.id, resource: identifier, scopes: SCOPES }
    await adminOk(service, 'POST', `${base}/grants`, grant)
  }
  prover = await proverToken(world)
  logins = await Promise.all(
    ['maria', 'maria', 'nora', 'nora'].map((sub, n) => asUser(world, { sub, sid: `login-${n}` })),
  )
  const clerk = await asUser(world, { sub: 'clerk' })
  const session = await world.exchange({ ...clerk, resource: undefined, scope: undefined })
  actor = {
    actor_token: String(session.body.access_token),
    actor_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  }
})
afterAll(() => service.close())

function formOf({ resources, scopes, ttl, tokenType, login, actor: acts }: Said): Form {
  return {
    resource: resources,
    scope: scopes.join(' '),
    ttl_seconds: ttl === undefined ? undefined : String(ttl),
    requested_token_type: tokenType === undefined ? undefined : `urn:ietf:params:oauth:token-type:${tokenType}`,
    ...(login === undefined ? {} : logins[login]),
    ...(acts ? actor : {}),
  }
}

// Whom an mfa proof must name: the first user of the chain, the subject before the actor.
function userOf({ login, actor: acts }: Said): object {
  const id = login === undefined ? (acts ? 'clerk' : undefined) : login < 2 ? 'maria' : 'nora'
  return id === undefined ? {} : { subject: { kind: 'user', issuer: ISSUER, id } }
}

/** Asks and proves; what to retry with. */
async function proved(request: Said): Promise<Form & { readonly challenge_id: string }> {
  const retry = retryOf(await world.exchange(formOf(request)))
  const satisfied = await world.satisfy(retry.challenge_id, prover, { ...MFA, ...userOf(request) })
  expect(satisfied.status).toBe(200)
  return retry
}

test('change any one part of the binding and the retry is refused; put it back and it is granted', async () => {
  const parts = new Set<string>()
  await fc.assert(
    fc.asyncProperty(
      said.chain((from) => fc.tuple(fc.constant(from), changed(from))),
      async ([from, { part, to }]) => {
        parts.add(part)
        const retry = await proved(from)
        expect(await world.exchange({ ...formOf(to), ...retry })).toMatchObject(CHALLENGE_INVALID)
        expect(await challengeRow(service, retry.challenge_id)).toMatchObject({ consumed_at: null, rejected_at: null })
        const answer = await world.exchange({ ...formOf(from), ...retry })
        expect(answer.status).toBe(200)
        const claims = claimsOf(answer.body.access_token)
        expect(claims).toMatchObject({ scope: from.scopes.toSorted().join(' '), target: from.resources.toSorted() })
      },
    ),
    { numRuns: 60 },
  )
  expect(parts).toEqual(new Set(['resources', 'scopes', 'ttl', 'tokenType', 'login', 'actor']))
}, 60_000)

test('order and repetition of scopes and resources are no part of it', async () => {
  await fc.assert(
    fc.asyncProperty(said, fc.infiniteStream(fc.boolean()), async (from, coins) => {
      const retry = await proved(from)
      const shuffled = <T>(list: readonly T[]): T[] =>
        [...list, ...list.filter(() => coins.next().value)].toSorted(() => (coins.next().value ? 1 : -1))
      const again = { ...from, resources: shuffled(from.resources), scopes: shuffled(from.scopes) }
      expect((await world.exchange({ ...formOf(again), ...retry })).status).toBe(200)
    }),
    { numRuns: 12 },
  )
}, 60_000)

test('change any one character of the secret or of the id and the retry is refused', async () => {
  let own = world
  let left = 0
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('challenge_id' as const, 'challenge_response' as const),
      fc.nat(42),
      fc.constantFrom(...'0aA-_f'),
      async (field, at, character) => {
        // Five wrong proofs would start a cooldown; another application has none.
        if (left-- === 0) {
          own = await furtherApplication(world)
          left = 3
        }
        const retry = retryOf(await own.exchange())
        await own.satisfy(retry.challenge_id, prover, MFA)
        const place = at % retry[field].length
        const other = `${retry[field].slice(0, place)}${character}${retry[field].slice(place + 1)}`
        fc.pre(other !== retry[field])
        expect(await own.exchange({ ...retry, [field]: other })).toMatchObject(CHALLENGE_INVALID)
        expect((await own.exchange(retry)).status).toBe(200)
      },
    ),
    { numRuns: 24 },
  )
}, 60_000)
