import { type ChallengeState, TOKEN_EXCHANGE } from '@countersign/protocol'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestService, testService } from '../support/service.js'
import { type Answer, admin, adminOk, createWorld, OWNER, postForm, read, type World } from '../support/world.js'
import { type Expected, LINES, type Line, Model, type ModelChallenge } from './model.js'
import { CHALLENGE_INVALID, claimsOf, ledgerOf, MFA, passTime, proverToken } from './support.js'

const POLICY = `package countersign.authz

allow contains "everybody"

asked contains scope if some scope in input.context.requested_scopes

step_up contains {"policy": "login", "type": "mfa"} if "login" in asked
step_up contains {"policy": "read", "type": "human_approval", "approvals": 2} if "read" in asked
step_up contains {"policy": "transfer", "type": "human_approval"} if "transfer" in asked
step_up contains {"policy": "transfer", "type": "software_attestation"} if "transfer" in asked
step_up contains {"policy": "transfer", "type": "mfa"} if "transfer" in asked
`

/** One thing that somebody does; `back` counts from the newest challenge of the line. */
type Command =
  | { readonly do: 'request'; readonly line: Line }
  /** Everything that brings the newest challenge of the line on: its proofs, and the retry. */
  | { readonly do: 'advance'; readonly line: Line }
  | { readonly do: 'prove'; readonly line: Line; readonly back: number; readonly who: number }
  | { readonly do: 'retry'; readonly line: Line; readonly back: number; readonly secret: number }
  /** With a secret that is not one of its, or for a request that is not its. */
  | { readonly do: 'misuse'; readonly line: Line; readonly back: number; readonly as: Line | 'wrong secret' }
  | { readonly do: 'reject' | 'cancel'; readonly line: Line; readonly back: number }
  | { readonly do: 'wait'; readonly minutes: number }

const line = fc.constantFrom<Line>('login', 'read', 'transfer', 'transfer', 'transfer')
const back = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(4) })
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('request' as const), line }) },
  { weight: 14, arbitrary: fc.record({ do: fc.constant('advance' as const), line }) },
  { weight: 7, arbitrary: fc.record({ do: fc.constant('prove' as const), line, back, who: fc.nat(2) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('retry' as const), line, back, secret: fc.nat(7) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('misuse' as const),
      line,
      back,
      as: fc.oneof(fc.constant('wrong secret' as const), line),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('reject' as const, 'cancel' as const), line, back }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), minutes: fc.constantFrom(1, 1, 2, 5) }) },
)

/** From which state a challenge may come into which. */
const STEPS: { readonly [from in ChallengeState]: readonly ChallengeState[] } = {
  pending: ['pending', 'satisfied', 'rejected', 'expired'],
  satisfied: ['satisfied', 'consumed', 'rejected', 'expired'],
  consumed: ['consumed'],
  rejected: ['rejected'],
  expired: ['expired'],
}

let service: TestService
let world: World
let prover: string
let attester: string
let approvers: string[]

beforeAll(async () => {
  service = await testService()
  world = await createWorld(service, { policy: POLICY })
  const base = `/v1/zones/${world.zoneId}`
  await adminOk(service, 'PATCH', `${base}/resources/${world.resourceId}`, { scopes: Object.keys(LINES) })
  const person = (id: string) => ({ kind: 'user', issuer: 'https://idp.test', id })
  prover = await proverToken(world)
  attester = await world.token(['attest'], person('attester'))
  approvers = await Promise.all(['bob', 'carol', 'dave'].map((id) => world.token(['approve'], person(id))))
})
afterAll(() => service.close())

/** Does commands with an application of its own, and holds every answer and every state against the model. */
class Run {
  readonly model = new Model()
  readonly mandates: unknown[] = []
  readonly #states = new Map<string, ChallengeState>()
  #form: Record<string, string> = {}

  async begin(): Promise<void> {
    const base = `/v1/zones/${world.zoneId}`
    const body = { name: 'modelled', auth_method: 'client_secret', owner: OWNER }
    const created = await adminOk(service, 'POST', `${base}/applications`, body)
    await adminOk(service, 'POST', `${base}/grants`, {
      application_id: created.id,
      resource: 'resource://payments',
      scopes: Object.keys(LINES),
    })
    this.#form = {
      grant_type: TOKEN_EXCHANGE,
      zone_id: world.zoneId,
      client_id: String(created.id),
      client_secret: String(created.client_secret),
      resource: 'resource://payments',
    }
  }

  async do(command: Command): Promise<void> {
    if (command.do === 'wait') {
      await passTime(service, command.minutes * 60)
      this.model.now += command.minutes * 60
    } else if (command.do === 'request') {
      await this.#ask(command.line, {}, this.model.request(command.line))
    } else if (command.do === 'advance') {
      for (const who of [0, 1]) await this.do({ do: 'prove', line: command.line, back: 0, who })
      await this.do({ do: 'retry', line: command.line, back: 0, secret: 0 })
    } else {
      const challenge = this.model.of(command.line).at(-1 - command.back)
      if (challenge !== undefined) await this.#act(command, challenge)
    }
    await this.#compare()
  }

  async #act(
    command: Exclude<Command, { do: 'wait' | 'request' | 'advance' }>,
    challenge: ModelChallenge,
  ): Promise<void> {
    switch (command.do) {
      case 'prove': {
        const [token, body] = proofOf(challenge, command.who)
        const who = challenge.type === 'human_approval' ? command.who : 0
        const answer = await world.satisfy(challenge.id, token, body)
        expect(answer.status).toBe(this.model.prove(challenge, who))
        break
      }
      case 'retry': {
        const secret = challenge.secrets[command.secret % challenge.secrets.length] as string
        await this.#show(challenge, secret, challenge.line, this.model.retry(challenge.line, challenge, true))
        break
      }
      case 'misuse': {
        const right = command.as !== 'wrong secret' && command.as !== challenge.line
        const secret = right ? (challenge.secrets[0] as string) : 'not-a-secret-of-this-challenge'
        const asked = command.as === 'wrong secret' ? challenge.line : command.as
        await this.#show(challenge, secret, asked, this.model.retry(asked, challenge, right))
        break
      }
      case 'reject': {
        const path = `/v1/zones/${world.zoneId}/step-up-challenges/${challenge.id}/reject`
        expect((await admin(service, 'POST', path, {})).status).toBe(this.model.reject(challenge))
        break
      }
      case 'cancel': {
        const url = `${service.url}/zones/${world.zoneId}/oauth/2/challenges/${challenge.id}`
        const headers = { authorization: `Bearer ${challenge.secrets[0]}` }
        this.model.reject(challenge)
        const answer = await read(await fetch(url, { method: 'DELETE', headers }))
        expect(answer).toMatchObject({ status: 200, body: { state: this.model.state(challenge) } })
      }
    }
  }

  #show(challenge: ModelChallenge, secret: string, asked: Line, expected: Expected): Promise<void> {
    return this.#ask(asked, { challenge_id: challenge.id, challenge_response: secret }, expected)
  }

  async #ask(asked: Line, more: Record<string, string>, expected: Expected): Promise<void> {
    const answer = await postForm(`${service.url}/oauth/2/token`, { ...this.#form, scope: asked, ...more })
    expect(answer).toMatchObject(answerFor(expected))
    const secret = String(answer.body.challenge_secret)
    if (expected.answer === 'paused') {
      this.model.created(asked, expected.after, String(answer.body.challenge_id), secret)
    } else if (expected.answer === 'joined') {
      expected.challenge.secrets.push(secret)
    } else {
      expect(answer.body).not.toHaveProperty('challenge_secret')
    }
    if (expected.answer === 'mandate') this.mandates.push(claimsOf(answer.body.access_token).txn)
  }

  async #compare(): Promise<void> {
    if (this.model.challenges.length === 0) return
    // Newest first, and nobody else makes any meanwhile.
    const path = `/v1/zones/${world.zoneId}/step-up-challenges?limit=${this.model.challenges.length}`
    const listed = await adminOk(service, 'GET', path)
    const states = new Map(
      (listed.items as { id: string; state: ChallengeState }[]).map(({ id, state }) => [id, state]),
    )
    for (const challenge of this.model.challenges) {
      const state = states.get(challenge.id)
      expect(state, `${challenge.type} of ${challenge.line}`).toBe(this.model.state(challenge))
      const before = this.#states.get(challenge.id)
      if (before !== undefined) expect(STEPS[before]).toContain(state)
      this.#states.set(challenge.id, state as ChallengeState)
    }
  }
}

function proofOf(challenge: ModelChallenge, who: number): [string, object] {
  if (challenge.type === 'mfa') return [prover, MFA]
  if (challenge.type === 'software_attestation') return [attester, { evidence: { measurement: 'sha256:0' } }]
  return [approvers[who] as string, {}]
}

function answerFor(expected: Expected): Pick<Answer, 'status'> & { readonly body?: object } {
  const paused = { error: 'interaction_required' }
  switch (expected.answer) {
    case 'mandate':
      return { status: 200, body: { token_type: 'Bearer' } }
    case 'paused':
      return { status: 401, body: { ...paused, challenge_type: expected.type, challenge_secret: expect.any(String) } }
    case 'joined':
      return {
        status: 401,
        body: { ...paused, challenge_id: expected.challenge.id, challenge_secret: expect.any(String) },
      }
    case 'early':
      return { status: 401, body: { ...paused, challenge_id: expected.challenge.id } }
    case 'invalid':
      return CHALLENGE_INVALID
    case 'rejected':
      return { status: 403, body: { error_description: expect.stringMatching(/^challenge_rejected: /) } }
    case 'cooldown':
      return { status: 429, body: { error_description: expect.stringMatching(/^challenge_cooldown: /) } }
    case 'full':
      return { status: 429, body: { error_description: expect.stringMatching(/^too_many_joins: /) } }
  }
}

test('no sequence of operations yields a mandate while a challenge for it is pending, rejected or expired', async () => {
  let mandates = 0
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 24, maxLength: 40 }), async (commands) => {
      const run = new Run()
      await run.begin()
      for (const one of commands) await run.do(one)
      mandates += run.mandates.length
      // What was issued is what was answered, and each consumed challenge is one of these.
      const ids = new Set(run.model.challenges.map(({ id }) => id))
      const leaves = await ledgerOf(service, world.zoneId)
      const issued = leaves.filter(
        ({ event }) =>
          event.outcome === 'issued' && (event.challenge_ids as string[] | undefined)?.some((id) => ids.has(id)),
      )
      expect(issued.map(({ id }) => id)).toEqual(run.mandates)
    }),
    { numRuns: 20 },
  )
  expect(mandates).toBeGreaterThan(0)
}, 120_000)
