import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ID_TOKEN, userToken } from '../promises/issuer.js'
import { paused } from '../promises/support.js'
import { type TestService, testService } from '../support/service.js'
import { createWorld, PAYMENTS, type World } from '../support/world.js'
import { headerText, text } from './arbitrary.js'
import { broken, MARK, type Shot } from './shot.js'

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const AT_ONCE = 16
const POLICY = `package countersign.authz

allow contains "everything"

step_up contains {"policy": "transfers", "type": "mfa"} if "transfer" in input.context.requested_scopes
`

let service: TestService
let world: World
let secrets: readonly string[]
let complete: Record<string, string>

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service, { policy: POLICY })
  // Many users, since whose proofs failed too often is answered nothing but that for a while.
  users = await Promise.all(Array.from({ length: 40 }, (_, n) => userToken(world, { sub: `user-${n}` })))
  const asUser = { subject_token: users[0], subject_token_type: ID_TOKEN }
  const pause = await paused(world, asUser)
  const session = String((await world.exchange({ ...asUser, resource: undefined, scope: undefined })).body.access_token)
  const mandate = String((await world.exchange({ ...asUser, scope: 'read' })).body.access_token)
  const tokens = [...users, session, mandate]
  secrets = [world.application.secret, ...tokens, pause.challenge_response, service.adminToken, MARK]
  complete = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    zone_id: world.zoneId,
    client_id: world.application.id,
    client_secret: world.application.secret,
    subject_token_type: ID_TOKEN,
    resource: PAYMENTS,
    scope: 'read',
    ttl_seconds: '60',
    requested_token_type: ACCESS_TOKEN,
    token: mandate,
    ...{ challenge_id: pause.challenge_id, challenge_response: pause.challenge_response },
  }
  values = [
    ...Object.values(complete),
    session,
    ACCESS_TOKEN,
    `${session}x`,
    'aal2',
    '300',
    'read transfer',
    'transfer',
  ]
})
afterAll(() => service.close())

let users: readonly string[]
/** Right values, which the generators put in wrong places too. */
let values: readonly string[] = []

const ENDPOINTS = ['token', 'introspect', 'revoke']
const NAMES = [
  ...['grant_type', 'zone_id', 'client_id', 'application_id', 'client_secret', 'client_assertion'],
  ...['client_assertion_type', 'subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'resource'],
  ...['scope', 'session_id', 'agent_session_id', 'delegation_edge_id', 'challenge_id', 'challenge_response'],
  ...['ttl_seconds', 'requested_token_type', 'acr_values', 'max_age', 'token', 'token_type_hint', 'audience'],
]
const FORM = 'application/x-www-form-urlencoded'

const path = fc
  .tuple(fc.constantFrom(...ENDPOINTS), fc.boolean())
  .map(([endpoint, ofZone]) => `${ofZone ? `/zones/${world.zoneId}` : ''}/oauth/2/${endpoint}`)

const headers = fc.record(
  {
    authorization: fc.oneof(
      headerText.map((value) => `Basic ${Buffer.from(value).toString('base64')}`),
      headerText.map((value) => `Bearer ${value}`),
      fc.constant(null).map(() => basicOf(world)),
    ),
    'idempotency-key': fc.oneof(headerText, fc.constant('0123456789abcdef')),
    // One that is valid comes back, as it should.
    'x-request-id': fc.string({ maxLength: 140 }).map((id) => id.trim()),
    origin: headerText,
    traceparent: headerText,
    'x-forwarded-for': headerText,
  },
  { requiredKeys: [] },
)

function basicOf({ application }: World): string {
  return `Basic ${Buffer.from(`${application.id}:${application.secret}`).toString('base64')}`
}

const value = fc.oneof(
  text,
  fc.nat().map((n) => values[n % values.length] ?? ''),
)

/** A step away from a right form. */
const change = fc.oneof(
  fc.record({ kind: fc.constant('drop' as const), name: fc.constantFrom(...NAMES) }),
  fc.record({ kind: fc.constant('set' as const), name: fc.constantFrom(...NAMES), value }),
  fc.record({ kind: fc.constant('add' as const), name: fc.oneof(fc.constantFrom(...NAMES), text), value }),
  fc.record({ kind: fc.constant('append' as const), name: fc.constantFrom(...NAMES), value }),
)

const nearlyRight: fc.Arbitrary<Shot> = fc
  .record({
    at: path,
    more: fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, headers),
    changes: fc.array(change, { maxLength: 2 }),
    scope: fc.constantFrom('read', 'read', 'transfer', 'read transfer'),
    // For the application itself, for one of many users, or for nothing but a session.
    kind: fc.constantFrom('own', 'user', 'user', 'session'),
    user: fc.nat(),
    proves: fc.constantFrom(false, false, true),
  })
  .map(({ at, more, changes, scope, kind, user, proves }) => {
    const form = new Map<string, string>(Object.entries({ ...complete, scope }))
    if (kind === 'user') form.set('subject_token', users[user % users.length] ?? '')
    else form.delete('subject_token_type')
    if (kind === 'session') for (const name of ['resource', 'scope']) form.delete(name)
    if (!proves) for (const name of ['challenge_id', 'challenge_response']) form.delete(name)
    const added: [string, string][] = []
    for (const one of changes) {
      if (one.kind === 'drop') form.delete(one.name)
      else if (one.kind === 'set') form.set(one.name, one.value)
      else if (one.kind === 'append') form.set(one.name, `${form.get(one.name) ?? ''}${one.value}`)
      else added.push([one.name, one.value])
    }
    const body = new URLSearchParams([...form, ...added].map(([name, of]) => [name, of])).toString()
    return { method: 'POST', path: at, headers: { 'content-type': FORM, ...more }, body }
  })

const contentType = fc.oneof(
  { weight: 5, arbitrary: fc.constant(FORM) },
  fc.constantFrom(
    `${FORM}; charset=utf-16`,
    `${FORM};charset="utf-8"`,
    'multipart/form-data; boundary=x',
    'text/plain',
  ),
  fc.constantFrom('application/json', 'application', ';', 'a/b'),
)

const arbitrary: fc.Arbitrary<Shot> = fc
  .tuple(
    path,
    headers,
    contentType,
    fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .array(fc.tuple(fc.constantFrom(...NAMES), fc.string({ unit: 'binary', maxLength: 20 })))
        .map((pairs) => pairs.map(([name, of]) => `${name}=${of}`).join('&')),
      fc.constantFrom('&&&===', '%', 'a=%ff', `${'a=b&'.repeat(20_000)}`, `grant_type=${'x'.repeat(70_000)}`),
    ),
    fc.oneof({ weight: 6, arbitrary: fc.constant('') }, fc.constantFrom('?', `?client_secret=${MARK}`, '/', '/%00')),
  )
  .map(([at, more, type, body, suffix]) => ({
    method: 'POST',
    path: `${at}${suffix}`,
    headers: { ...more, 'content-type': type },
    body,
  }))

test('forms that are nearly right, from an authenticated application, are answered in words', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(nearlyRight, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (shots) => {
      expect(await broken(service, shots, secrets)).toEqual([])
    }),
    { numRuns: 100 },
  )
})

test('bodies that are no form at all are answered in words', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(arbitrary, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (shots) => {
      expect(await broken(service, shots, secrets)).toEqual([])
    }),
    { numRuns: 40 },
  )
})

test('and the service decides as before', async () => {
  const { exchange } = await createWorld(service)
  expect(await exchange()).toMatchObject({ status: 401, body: { error: 'interaction_required' } })
})
