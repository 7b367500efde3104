import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Generated, generatePolicy } from '../../../rego/test/generate-policy.js'
import { type TestService, testService } from '../support/service.js'
import { activatePolicy, admin, adminOk, createWorld, referencePolicy, type World } from '../support/world.js'
import { RUNAWAY } from './runaway-policies.js'
import { broken, MARK, type Shot } from './shot.js'

const AT_ONCE = 12
const LONGEST_MS = 10_000

let service: TestService
let world: World
let base: string

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service)
  base = `/v1/zones/${world.zoneId}`
})
afterAll(() => service.close())

function shotOf(path: string, body: object): Shot {
  const headers = { authorization: `Bearer ${service.adminToken}`, 'content-type': 'application/json' }
  return { method: 'POST', path: `${base}${path}`, headers, body: JSON.stringify(body) }
}

const PIECES = [
  ...['package countersign.authz', 'package a.b', 'import rego.v1', 'import data.x as y', 'default', 'allow', 'deny'],
  ...['result', ':=', '=', '==', '!=', '<=', 'if', 'contains', 'else', 'some', 'every', 'in', 'not', 'with', 'as'],
  ...['input', 'data', 'input.context', '.', ',', ';', ':', '|', '&', '(', ')', '[', ']', '{', '}', '\n', '\n\n', '\t'],
  ...[
    'x',
    '_',
    'y',
    'f(x)',
    '"a"',
    '"\\u00zz"',
    '`raw`',
    '"unended',
    '`unended',
    '1',
    '1e9',
    '-0',
    '0x1',
    '1.',
    'null',
  ],
  ...[
    'true',
    'set()',
    'count',
    'walk(input, [p, v])',
    'http.send({})',
    'opa.runtime()',
    'rand.intn("a", 2)',
    '# c',
    'é',
  ],
  ...['__proto__', 'constructor', 'input["__proto__"]', '\u2028', '\0', '\ud800', `"${MARK}"`, '\u{1f600}', '\r'],
]
const soup = fc.array(fc.constantFrom(...PIECES), { maxLength: 40 }).map((pieces) => pieces.join(' '))

const GOOD = [
  referencePolicy(),
  referencePolicy('human_approval'),
  'package countersign.authz\n\nallow contains "all"\n\nrequire contains {"policy": "p", "aal": "aal2", "max_age": 300} if input.action.id == "TokenExchange"\n',
]
/** A good policy with a few pieces of it taken out, put twice, or replaced. */
const damaged = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(...GOOD),
      fc.nat().map((seed) => generatePolicy(seed).source),
    ),
    fc.array(fc.tuple(fc.nat(), fc.constantFrom('drop', 'twice', 'replace', 'cut'), fc.constantFrom(...PIECES)), {
      maxLength: 4,
    }),
  )
  .map(([source, changes]) => {
    const tokens = source.split(/(\s+|[(){}[\],:"])/)
    for (const [n, kind, piece] of changes) {
      const at = n % Math.max(1, tokens.length)
      const token = tokens[at] ?? ''
      if (kind === 'cut') tokens.splice(at)
      else tokens.splice(at, 1, ...(kind === 'drop' ? [] : kind === 'twice' ? [token, token] : [piece]))
    }
    return tokens.join('')
  })

const source = fc.oneof(soup, damaged, fc.string({ unit: 'binary', maxLength: 200 }))

test('any text at all is a policy, or is told what is wrong with it and where', async () => {
  const path = fc.constantFrom('/policies/validate', '/policies')
  const upload = fc.tuple(path, source).map(([at, text]) => shotOf(at, { name: 'fuzzed', source: text }))
  await fc.assert(
    fc.asyncProperty(fc.array(upload, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (shots) => {
      // A message may name what stands in the policy; a text in it that nobody should see is not in there by accident.
      expect(await broken(service, shots, [service.adminToken])).toEqual([])
      for (const shot of shots.filter(({ path }) => path.endsWith('/validate')).slice(0, 3)) {
        const { status, body } = await admin(service, 'POST', shot.path, JSON.parse(String(shot.body)))
        if (status !== 200) continue
        const place = { line: expect.any(Number), column: expect.any(Number) }
        for (const error of body.errors as object[]) {
          expect(error).toMatchObject({
            ...place,
            message: expect.stringMatching(/./),
            code: expect.stringMatching(/^[a-z_]+$/),
          })
        }
        expect(body.valid).toBe((body.errors as object[]).length === 0)
      }
    }),
    { numRuns: 50 },
  )
})

test('policies of every kind decide, whatever their input', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.jsonValue({ maxDepth: 3 }), async (seed, value) => {
      const generated: Generated = generatePolicy(seed)
      const body = generated.source.replace(/^package gen/, 'package countersign.authz')
      const set = await setOf(body)
      if (set === undefined) return
      const input = typeof generated.input === 'object' && generated.input !== null ? generated.input : {}
      const shots = [shotOf(`/policy-sets/${set}/simulate`, { input: { ...input, value } })]
      expect(await broken(service, shots, [service.adminToken])).toEqual([])
    }),
    { numRuns: 40 },
  )
})

let sets = 0
/** A set of one policy; undefined for one that is refused, as a few of the made-up ones are. */
async function setOf(source: string): Promise<string | undefined> {
  const name = `set-${++sets}`
  const { status, body } = await admin(service, 'POST', `${base}/policies`, { name, source })
  if (status === 422) return undefined
  const { id } = body.version as { id: string }
  return String((await adminOk(service, 'POST', `${base}/policy-sets`, { name, policy_versions: [id] })).id)
}

test.each(Object.entries(RUNAWAY))('%s is refused or stopped, in time', async (name, text) => {
  const timed = async (...request: [string, object]) => {
    const began = performance.now()
    const answer = await admin(service, 'POST', `${base}${request[0]}`, request[1])
    expect(performance.now() - began).toBeLessThan(LONGEST_MS)
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(500)
    return answer
  }
  const policy = await timed('/policies', { name, source: text })
  if (policy.status !== 201) return expect(policy).toMatchObject({ status: 422, body: { code: 'invalid_policy' } })
  const { id } = policy.body.version as { id: string }
  const set = await timed('/policy-sets', { name, policy_versions: [id] })
  if (set.status !== 201) return expect(set.status).toBe(422)
  const simulated = await timed(`/policy-sets/${set.body.id}/simulate`, { input: { x: 'a' } })
  expect(simulated.status).toBe(200)
})

test('a policy that runs away in force denies, and the service goes on', async () => {
  const other = await createWorld(service)
  await activatePolicy({ service, zoneId: world.zoneId }, RUNAWAY['a loop in a loop in a loop'] ?? '')
  const [runaway, sane] = await Promise.all([world.exchange(), other.exchange()])
  expect(runaway).toMatchObject({ status: 403, body: { error: 'access_denied' } })
  expect(sane).toMatchObject({ status: 401, body: { error: 'interaction_required' } })
})
