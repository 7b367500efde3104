import { createHash } from 'node:crypto'
import { canonicalJson, type Identity, type Json } from '@countersign/protocol'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { commitment } from '../ledger/event.js'
import { type Asked, type Ending, exchangeEvent } from './event.js'

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const id = fc.uuid()
// Whatever stands between quotes in JSON, and what may not.
const anything = fc.string({ unit: 'grapheme' })
const identity: fc.Arbitrary<Identity> = fc.oneof(
  fc.record({ kind: fc.constant('user' as const), issuer: fc.webUrl(), id: anything }),
  fc.record({ kind: fc.constantFrom('application' as const, 'agent' as const), id }),
)
const resource = fc.record({ identifier: anything, scopes: fc.array(anything) })

const asked: fc.Arbitrary<Asked> = fc
  .record({ known: fc.array(resource), named: fc.array(anything), scopes: fc.array(anything) })
  .chain(({ known, named, scopes }) =>
    fc.record({
      request: fc.record({
        resources: fc.constant([...known.map(({ identifier }) => identifier), ...named]),
        scopes: fc.constant([...known.flatMap((each) => each.scopes), ...scopes]),
      }),
      origin: fc.record({ requestId: anything, ip: anything, traceId: maybe(fc.stringMatching(/^[0-9a-f]{32}$/)) }),
      snapshot: fc.record({
        zoneId: id,
        policyVersion: fc.nat(),
        policySet: fc.option(fc.record({ setVersionId: id })),
        resources: fc.constant(new Map(known.map((each) => [each.identifier, each]))),
      }),
      application: fc.record({ id }),
      now: fc.nat({ max: 4e12 }),
    }),
  )

const said = {
  status: fc.constant('complete' as const),
  determining: fc.array(anything),
  diagnostics: fc.array(anything),
}
const ending: fc.Arbitrary<Ending> = fc.record({
  outcome: fc.constantFrom('issued', 'challenged', 'denied', 'failed'),
  evaluationStatus: anything,
  parties: maybe(
    fc.record({
      subject: identity,
      actors: fc.array(fc.record({ identity })),
      session: fc.record({ id }),
    }),
  ),
  decisions: maybe(fc.array(fc.record({ kind: fc.constantFrom('allow', 'deny'), ...said }))),
  mandate: maybe(fc.record({ use: fc.constantFrom('session', 'resource'), jti: id, iat: fc.nat(), exp: fc.nat() })),
  challengeIds: maybe(fc.array(id)),
  recovers: maybe(id),
  pause: maybe(fc.record({ challengeId: id, type: fc.constantFrom('human_approval', 'mfa', 'software_attestation') })),
  refusal: maybe(
    fc.record({
      error: fc.constantFrom('access_denied', 'invalid_grant'),
      reason: anything,
      options: fc.record({ cause: anything }, { requiredKeys: [] }),
    }),
  ),
})

// Those that are what they are said of; as JSON has them, without the absent.
function plainMembers(asked: Asked, eventId: string, end: Ending): object {
  const { request, origin, snapshot, application, now } = asked
  const { parties, decisions, mandate, pause, refusal } = end
  const members = {
    application_id: application.id,
    cause: refusal?.options.cause,
    challenge_id: pause?.challengeId,
    challenge_ids: end.challengeIds,
    challenge_type: pause?.type,
    decision: decisions && (decisions.some(({ kind }) => kind === 'deny') ? 'deny' : 'allow'),
    determining_policies: decisions && [...new Set(decisions.flatMap(({ determining }) => determining))],
    error: refusal?.error,
    evaluation_status: end.evaluationStatus,
    expires_at: mandate?.exp,
    id: eventId,
    issued_at: mandate?.iat,
    jti: mandate?.jti,
    outcome: end.outcome,
    policy_set_version_id: snapshot.policySet?.setVersionId,
    policy_version: snapshot.policyVersion,
    reason: refusal?.reason,
    recovers: end.recovers,
    request_id: origin.requestId,
    resources: request.resources.filter((identifier) => snapshot.resources.has(identifier)),
    session_id: parties?.session.id,
    subject: parties?.subject.kind === 'user' ? undefined : parties?.subject,
    time: new Date(now).toISOString(),
    trace_id: origin.traceId,
    type: 'token_exchange',
    use: mandate?.use,
    v: 1,
    zone_id: snapshot.zoneId,
  }
  return JSON.parse(JSON.stringify(members))
}

interface Opening {
  readonly salt: string
  readonly value: Json
}

it('is canonical JSON, and commits to what is beside it, whatever was asked and however it ended', () => {
  fc.assert(
    fc.property(asked, id, ending, (request, eventId, end) => {
      const { canonical, leafHash, openings } = exchangeEvent(request, eventId, end)
      const event = JSON.parse(canonical)
      expect(canonicalJson(event)).toBe(canonical)
      expect(createHash('sha256').update(`\0${canonical}`).digest('hex')).toBe(leafHash)
      expect(event).toMatchObject(plainMembers(request, eventId, end))
      const beside = Object.entries<Opening>(JSON.parse(openings ?? '{}'))
      for (const [path, { salt, value }] of beside) {
        const stands = path
          .slice(1)
          .split('/')
          .reduce((at, key) => at[key], event)
        expect(stands).toEqual({ committed: commitment(salt, value) })
      }
      const people = [end.parties?.subject, ...(end.parties?.actors ?? []).map((actor) => actor.identity)]
      const opened = beside.map(([, { value }]) => canonicalJson(value))
      expect(opened).toContain(canonicalJson(request.origin.ip))
      for (const person of people) {
        if (person?.kind === 'user') expect(opened).toContain(canonicalJson({ ...person }))
      }
    }),
  )
})
