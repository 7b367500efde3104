import { afterAll, beforeAll, expect, test } from 'vitest'
import { asUser, ISSUER } from '../promises/issuer.js'
import { claimsOf, query } from '../promises/support.js'
import { type TestService, testService } from '../support/service.js'
import { activatePolicy, adminOk, createWorld, OWNER, PAYMENTS, type World } from '../support/world.js'
import { asker, checker, poster } from './support.js'

const ALLOWS = 'package countersign.authz\n\nallow contains "payments"\n'
const DENIES = 'package countersign.authz\n\ndeny contains {"policy": "closed", "reason": "closed"}\n'

let service: TestService
let second: TestService
let nodes: readonly string[]

beforeAll(async () => {
  service = await testService()
  second = await testService({ beside: service })
  nodes = [service.url, second.url]
})
afterAll(async () => {
  await second.close()
  await service.close()
})

const about = { subject: { type: 'user', id: 'alice' }, permission: 'read', resource: PAYMENTS }
const recordAll = (world: World, share: number) =>
  adminOk(service, 'PATCH', `/v1/zones/${world.zoneId}/settings`, { decisions: { sampled_allows: share } })

/** Asks on all nodes without pause while something changes, and says what was answered to what was asked afterwards. */
async function whileChanging<T>(ask: (url: string) => Promise<T>, change: () => Promise<unknown>): Promise<T[]> {
  let over = false
  const after: T[] = []
  const asking = nodes.flatMap((url) =>
    [1, 2, 3, 4].map(async () => {
      for (let late = 0; late < 3; ) {
        const isAfter = over
        const answer = await ask(url)
        if (!isAfter) continue
        after.push(answer)
        late++
      }
    }),
  )
  await change()
  over = true
  await Promise.all(asking)
  return after
}

test.each([0, 1])('no node gives the old answer once an activation has answered; recorded share %i', async (share) => {
  const world = await createWorld(service, { policy: ALLOWS })
  await recordAll(world, share)
  const ask = asker(service, world)
  let version = Number((await ask(about)).policy_version)
  for (let round = 0; round < 6; round++) {
    const allows = round % 2 === 1
    const after = await whileChanging(
      (url) => ask(about, { url }),
      () => activatePolicy({ service, zoneId: world.zoneId }, allows ? ALLOWS : DENIES),
    )
    expect(after).toHaveLength(24)
    version++
    for (const answer of after) expect(answer).toMatchObject({ allowed: allows, policy_version: version })
  }
})

test('no node finds a resource once its grant is gone, be it asked about or listed', async () => {
  const world = await createWorld(service, { policy: ALLOWS })
  await recordAll(world, 0)
  const ask = asker(service, world)
  const post = poster(service, world)
  const { resource: _, ...listing } = about
  const list = async (url: string) =>
    (await post(`/v1/zones/${world.zoneId}/decisions/list-resources`, listing, { url })).body.data
  for (const url of nodes) {
    expect(await ask(about, { url })).toMatchObject({ allowed: true })
    expect(await list(url)).toMatchObject({ resources: [{ id: PAYMENTS }] })
  }
  const after = await whileChanging(
    async (url) => ({ checked: await ask(about, { url }), listed: await list(url) }),
    () => adminOk(service, 'DELETE', `/v1/zones/${world.zoneId}/grants/${world.grantId}`),
  )
  for (const answer of after) expect(answer).toMatchObject({ checked: { allowed: false }, listed: { resources: [] } })
})

test('a revoked session is refused on every node, also when it lists', async () => {
  const world = await createWorld(service, { policy: ALLOWS })
  const user = await asUser(world, { sub: 'alice', sid: 'list' })
  const mandate = String((await world.exchange({ resource: undefined, scope: undefined, ...user })).body.access_token)
  const post = poster(service, world)
  const { resource: _, ...listing } = about
  const list = (url: string) =>
    post(`/v1/zones/${world.zoneId}/decisions/list-resources`, listing, { url, bearer: mandate })
  for (const url of nodes) expect(await list(url)).toMatchObject({ status: 200 })
  await adminOk(service, 'POST', `/v1/zones/${world.zoneId}/sessions/${claimsOf(mandate).sid}/revoke`, {})
  for (const url of nodes) expect(await list(url)).toMatchObject({ status: 401, body: { code: 'invalid_token' } })
})

test('a raised session counts at once on a node that knew it lower', async () => {
  const policy = `${ALLOWS}\nrequire contains {"policy": "reads", "aal": "aal2"}\n`
  const world = await createWorld(service, { policy })
  const ask = asker(service, world)
  for (const name of ['one', 'two', 'three']) {
    const user = { sub: name, sid: name }
    const open = async (acr: string, issuedAt: number) => {
      const token = await asUser(world, { ...user, acr, issuedAt })
      const { body } = await world.exchange({ resource: undefined, scope: undefined, ...token })
      return String(body.access_token)
    }
    const now = Math.floor(Date.now() / 1000)
    const bearer = await open('password', now - 60)
    const question = { ...about, subject: { type: 'user', id: name } }
    // By its holder, and by the application.
    const askers = nodes.flatMap((url) => [{ url, bearer }, { url }])
    for (const asking of askers) expect(await ask(question, asking)).toMatchObject({ requires_step_up: true })
    await open('mfa', now)
    const answers = await Promise.all(askers.map((asking) => ask(question, asking)))
    for (const answer of answers) expect(answer).toMatchObject({ requires_step_up: false, aal_source: 'session' })
  }
})

test('a session that changed without any news of it counts as it is now, whoever asks', async () => {
  const policy = `${ALLOWS}\nrequire contains {"policy": "reads", "aal": "aal2"}\n`
  const world = await createWorld(service, { policy })
  await recordAll(world, 0)
  const ask = asker(service, world)
  const now = Math.floor(Date.now() / 1000)
  for (const asks of ['the application', 'the session']) {
    const user = await asUser(world, { sub: asks, sid: asks, acr: 'mfa', issuedAt: now })
    const { body } = await world.exchange({ resource: undefined, scope: undefined, ...user })
    const asking = asks === 'the session' ? { bearer: String(body.access_token) } : {}
    const question = { ...about, subject: { type: 'user', id: asks } }
    expect(await ask(question, asking)).toMatchObject({ requires_step_up: false, aal_source: 'session' })
    const { sid } = claimsOf(body.access_token)
    const lower = `UPDATE sessions SET aal = 'aal1', version = version + 1 WHERE id = $1 RETURNING id`
    expect(await query(service, lower, [sid])).toHaveLength(1)
    expect(await ask(question, asking)).toMatchObject({ requires_step_up: true, aal_source: 'session' })
  }
})

test('what only an old snapshot would refuse is answered from the present one, on every node', async () => {
  const world = await createWorld(service, { policy: ALLOWS })
  const issuers = `/v1/zones/${world.zoneId}/subject-issuers`
  const issuer = (name: string) => ({ issuer: name, audience: 'a', jwks_uri: 'https://idp.example/jwks', aal: {} })
  const first = await adminOk(service, 'POST', issuers, issuer('https://one.example'))
  await adminOk(service, 'POST', issuers, issuer('https://two.example'))
  const check = checker(service, world)
  for (const url of nodes) {
    expect(await check(about, { url })).toMatchObject({ status: 422, body: { code: 'issuer_required' } })
    const named = { ...about, subject: { ...about.subject, issuer: 'https://two.example' } }
    expect(await check(named, { url })).toMatchObject({ status: 200 })
  }
  await adminOk(service, 'DELETE', `${issuers}/${first.id}`)
  for (const url of nodes) expect(await check(about, { url })).toMatchObject({ status: 200 })
  const created = await adminOk(service, 'POST', `/v1/zones/${world.zoneId}/applications`, {
    name: 'new',
    auth_method: 'client_secret',
    owner: OWNER,
  })
  const application = { id: String(created.id), secret: String(created.client_secret) }
  const asNew = checker(service, { ...world, application })
  for (const url of nodes) expect(await asNew(about, { url })).toMatchObject({ status: 200 })
})

test('what is asserted of somebody counts no more once a session of theirs is known, not even a suspended one', async () => {
  const policy = `${ALLOWS}\nrequire contains {"policy": "reads", "aal": "aal2"}\n`
  const world = await createWorld(service, { policy })
  const ask = asker(service, world)
  const asserted = { ...about, subject: { type: 'user', id: 'dora', issuer: ISSUER }, current_aal: 'aal3' }
  expect(await ask(asserted)).toMatchObject({ aal_source: 'asserted', requires_step_up: false })
  const user = await asUser(world, { sub: 'dora', sid: 'd' })
  const { body } = await world.exchange({ resource: undefined, scope: undefined, ...user })
  const { sid } = claimsOf(body.access_token)
  const known = { aal_source: 'session', requires_step_up: true, required_aal: 'aal2' }
  for (const url of nodes) expect(await ask(asserted, { url })).toMatchObject(known)
  await adminOk(service, 'POST', `/v1/zones/${world.zoneId}/sessions/${sid}/suspend`, {})
  for (const url of nodes) expect(await ask(asserted, { url })).toMatchObject(known)
  await adminOk(service, 'POST', `/v1/zones/${world.zoneId}/sessions/${sid}/revoke`, {})
  for (const url of nodes) expect(await ask(asserted, { url })).toMatchObject(known)
})
