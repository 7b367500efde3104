import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { admin, createWorld, referencePolicy } from '../support/world.js'
import { type Client, newZone, type TestService, testService } from './support/client.js'
import { ALLOW_ALL } from './support/nouns.js'

let service: TestService
let zone: Client
let n = 0

beforeAll(async () => {
  service = await testService()
  zone = await newZone(service)
})
afterAll(() => service.close())

const upload = (source: string) => zone.send('POST', '/policies', { name: `policy ${++n}`, source })
const version = (body: Record<string, unknown>) => body.version as { id: string; number: number; sha256: string }

async function newSet(
  ...sources: (string | object)[]
): Promise<{ id: string; version: { id: string; number: number } }> {
  const versions: string[] = []
  for (const source of sources) {
    const body = typeof source === 'string' ? { source } : source
    versions.push(version(await zone.ok('POST', '/policies', { name: `policy ${++n}`, ...body })).id)
  }
  const set = await zone.ok('POST', '/policy-sets', { name: `set ${++n}`, policy_versions: versions })
  return set as unknown as { id: string; version: { id: string; number: number } }
}

describe('what comes in', () => {
  test('a policy that does not compile is 422 with every error, its line and its column', async () => {
    const refused = await upload('package countersign.authz\n\nallow contains "x" if {\n  input.a ==\n}\n')
    expect(refused.status).toBe(422)
    expect(refused.body).toMatchObject({
      code: 'invalid_policy',
      errors: [{ line: expect.any(Number), column: expect.any(Number), message: expect.any(String) }],
    })
    const [error] = refused.body.errors as { line: number }[]
    expect(error?.line).toBeGreaterThanOrEqual(4)
  })

  test.each([
    ['http.send', 'http.send({"url": "https://a.example", "method": "get"})'],
    ['net.lookup_ip_addr', 'net.lookup_ip_addr("a.example")'],
    ['opa.runtime', 'opa.runtime()'],
    ['rand.intn', 'rand.intn("a", 5)'],
    ['uuid.rfc4122', 'uuid.rfc4122("a")'],
    ['io.jwt.encode_sign', 'io.jwt.encode_sign({"alg": "ES256"}, {}, input.key)'],
    ['io.jwt.encode_sign_raw', 'io.jwt.encode_sign_raw(`{"alg": "PS256"}`, "{}", input.key)'],
  ])('%s reaches outside or differs between two runs, and is refused with the line', async (name, call) => {
    const refused = await upload(`package countersign.authz\n\nx := ${call}\n`)
    expect(refused.status).toBe(422)
    const errors = refused.body.errors as { line: number; message: string }[]
    expect(errors[0]).toMatchObject({ line: 3, message: expect.stringContaining(name) })
  })

  test('a module may call what only a companion defines; the set says when none does', async () => {
    const caller = 'package countersign.authz\n\nimport data.lib\n\nallow contains "x" if lib.ok(input.a)\n'
    const library = 'package lib\n\nok(a) if a == 1\n'
    const alone = version(await zone.ok('POST', '/policies', { name: `policy ${++n}`, source: caller }))
    const refused = await zone.send('POST', '/policy-sets', { name: 'alone', policy_versions: [alone.id] })
    expect([refused.status, refused.body.code]).toEqual([422, 'invalid_policy'])
    expect(refused.body.errors).toMatchObject([{ line: 5, policy: `policy ${n}` }])
    expect((await newSet(caller, library)).version.number).toBe(1)
  })

  test('validation says the same and keeps nothing', async () => {
    const before = await zone.ok('GET', '/overview')
    expect(await zone.ok('POST', '/policies/validate', { source: ALLOW_ALL })).toEqual({ valid: true, errors: [] })
    const invalid = await zone.ok('POST', '/policies/validate', { source: 'package a\nx := ' })
    expect(invalid).toMatchObject({ valid: false, errors: [{ line: expect.any(Number), column: expect.any(Number) }] })
    expect(await zone.ok('GET', '/overview')).toEqual(before)
  })

  test('versions are numbered, addressed by SHA-256, and never change', async () => {
    const created = await zone.ok('POST', '/policies', { name: 'versioned', source: ALLOW_ALL })
    const path = `/policies/${created.id}/versions`
    expect(version(created)).toMatchObject({ number: 1, sha256: createHash('sha256').update(ALLOW_ALL).digest('hex') })
    const second = await zone.ok('POST', path, { source: referencePolicy() })
    expect(second).toMatchObject({ number: 2 })
    const { items } = (await zone.ok('GET', path)) as { items: object[] }
    expect(items).toMatchObject([{ number: 1 }, { number: 2, id: second.id }])
    expect(await zone.ok('GET', `${path}/${version(created).id}`)).toMatchObject({ source: ALLOW_ALL, number: 1 })
    const wrong = await zone.send('POST', path, { data: {} })
    expect([wrong.status, wrong.body.code]).toEqual([422, 'wrong_kind'])
  })

  test('a text that exhausts a parser is refused, not fatal', async () => {
    for (const source of [
      `package a\nx := ${'['.repeat(50_000)}`,
      `package a\nx := ${'('.repeat(50_000)}1${')'.repeat(50_000)}`,
    ]) {
      const refused = await upload(source)
      expect([refused.status, refused.body.code]).toEqual([422, 'invalid_policy'])
    }
  })
})

describe('what is in force', () => {
  test('activation counts up, rollback goes back one at a time, and neither invents a version', async () => {
    const set = await newSet(ALLOW_ALL)
    const path = `/policy-sets/${set.id}`
    const before = (await zone.ok('GET', '')) as { policy_version: number }
    const notYet = await zone.send('POST', `${path}/rollback`)
    expect([notYet.status, notYet.body.code]).toEqual([409, 'policy_set_not_in_force'])
    const first = await zone.ok('POST', `${path}/activate`)
    expect(first).toEqual({ active_version_id: set.version.id, policy_version: before.policy_version + 1 })
    const versions = [set.version.id]
    for (let i = 0; i < 2; i++) {
      const more = await zone.ok('POST', `${path}/versions`, { policy_versions: [] })
      versions.push(String(more.id))
      await zone.ok('POST', `${path}/activate`)
    }
    expect((await zone.ok('GET', path)).active_version_id).toBe(versions[2])
    for (const expected of [versions[1], versions[0]]) {
      expect((await zone.ok('POST', `${path}/rollback`)).active_version_id).toBe(expected)
    }
    const end = await zone.send('POST', `${path}/rollback`)
    expect([end.status, end.body.code]).toEqual([409, 'nothing_to_roll_back_to'])
    expect((await zone.ok('POST', `${path}/activate`, { version_id: versions[1] })).active_version_id).toBe(versions[1])
    expect((await zone.ok('GET', '')).policy_version).toBe(before.policy_version + 6)
  })

  test('what is in force cannot be deleted, and what was deleted cannot come into force', async () => {
    const created = await zone.ok('POST', '/policies', { name: 'held', source: ALLOW_ALL })
    const other = await newSet(ALLOW_ALL)
    const set = await zone.ok('POST', '/policy-sets', { name: 'held', policy_versions: [version(created).id] })
    await zone.ok('POST', `/policy-sets/${set.id}/activate`)
    const policyHeld = await zone.send('DELETE', `/policies/${created.id}`)
    expect([policyHeld.status, policyHeld.body.code]).toEqual([409, 'policy_in_force'])
    const setHeld = await zone.send('DELETE', `/policy-sets/${set.id}`)
    expect([setHeld.status, setHeld.body.code]).toEqual([409, 'policy_set_in_force'])
    await zone.ok('POST', `/policy-sets/${other.id}/activate`)
    expect((await zone.send('DELETE', `/policies/${created.id}`)).status).toBe(204)
    const back = await zone.send('POST', `/policy-sets/${set.id}/activate`)
    expect([back.status, back.body.code]).toEqual([422, 'unknown_policy_version'])
  })

  test('an activation is in force when it answers', async () => {
    const world = await createWorld(service)
    expect((await world.exchange()).status).toBe(401)
    const own = `/v1/zones/${world.zoneId}`
    const policy = await admin(service, 'POST', `${own}/policies`, { name: 'open', source: ALLOW_ALL })
    const made = await admin(service, 'POST', `${own}/policy-sets/${world.setId}/versions`, {
      policy_versions: [version(policy.body).id],
    })
    expect(made.status).toBe(201)
    for (let i = 0; i < 5; i++) {
      await admin(service, 'POST', `${own}/policy-sets/${world.setId}/activate`)
      expect((await world.exchange()).status).toBe(200)
      await admin(service, 'POST', `${own}/policy-sets/${world.setId}/rollback`)
      expect((await world.exchange()).status).toBe(401)
    }
  })

  test('a set names each policy once', async () => {
    const created = await zone.ok('POST', '/policies', { name: 'twice', source: ALLOW_ALL })
    const second = await zone.ok('POST', `/policies/${created.id}/versions`, { source: referencePolicy() })
    const both = { name: 'twice', policy_versions: [version(created).id, second.id] }
    const refused = await zone.send('POST', '/policy-sets', both)
    expect([refused.status, refused.body.code]).toEqual([422, 'policy_twice'])
  })

  test('documents that claim one place are refused', async () => {
    const data = { data: { a: 1 }, path: 'roles' }
    const versions = []
    for (const body of [data, { ...data, data: { a: 2 } }]) {
      versions.push(version(await zone.ok('POST', '/policies', { name: `doc ${++n}`, ...body })).id)
    }
    const refused = await zone.send('POST', '/policy-sets', { name: 'conflict', policy_versions: versions })
    expect(refused.body).toMatchObject({ code: 'invalid_policy', errors: [{ code: 'data_conflict' }] })
  })
})

describe('simulation', () => {
  const simulate = (id: string, input: object, more = {}) =>
    zone.ok('POST', `/policy-sets/${id}/simulate`, { input, ...more })

  test('the reference policy: a demand, then an allow, with the rules that fired and their lines', async () => {
    const set = await newSet(referencePolicy())
    const paused = await simulate(set.id, { context: { challenge_resolved: false } })
    expect(paused).toMatchObject({
      version_id: set.version.id,
      decision: 'deny',
      evaluation_status: 'complete',
      determining_policies: ['step-up'],
      step_up: [{ type: 'mfa', aal: 'aal2' }],
    })
    const allowed = await simulate(set.id, { context: { challenge_resolved: true } })
    expect(allowed).toMatchObject({ decision: 'allow', step_up: [] })
    expect(allowed.rules).toMatchObject([
      { policy: `policy ${n - 1}`, rule: 'data.countersign.authz.result', line: 10, fired: true },
    ])
  })

  test('composed rules are met by the proof that the input tells of', async () => {
    const rules = `package countersign.authz

allow contains "pay" if input.action.id == "TokenExchange"

step_up contains {"policy": "two", "type": "human_approval", "approvals": 2} if true
`
    const set = await newSet(rules)
    const input = { action: { id: 'TokenExchange' } }
    expect(await simulate(set.id, input)).toMatchObject({
      decision: 'deny',
      step_up: [{ type: 'human_approval', approvals: 2 }],
    })
    const challenge = { id: 'x', type: 'human_approval', satisfied_at: '2026-01-01T00:00:00Z', approvers: ['a', 'b'] }
    const context = { challenge_resolved: true, challenge }
    expect(await simulate(set.id, { ...input, context })).toMatchObject({ decision: 'allow' })
    expect(await simulate(set.id, {})).toMatchObject({ decision: 'deny', step_up: [] })
  })

  test('data documents are there, and an earlier version can be asked', async () => {
    const set = await newSet('package countersign.authz\n\nallow contains "r" if data.roles[input.user] == "admin"\n', {
      data: { ann: 'admin' },
      path: 'roles',
    })
    expect(await simulate(set.id, { user: 'ann' })).toMatchObject({ decision: 'allow' })
    expect(await simulate(set.id, { user: 'bob' })).toMatchObject({ decision: 'deny' })
    await zone.ok('POST', `/policy-sets/${set.id}/versions`, { policy_versions: [] })
    expect(await simulate(set.id, { user: 'ann' })).toMatchObject({ decision: 'deny' })
    expect(await simulate(set.id, { user: 'ann' }, { version_id: set.version.id })).toMatchObject({ decision: 'allow' })
  })

  test('it leaves no event', async () => {
    const set = await newSet(ALLOW_ALL)
    const before = await zone.ok('GET', '/overview')
    await simulate(set.id, {})
    expect(await zone.ok('GET', '/overview')).toEqual(before)
  })
})
