import { CHALLENGE_STATES, CHALLENGE_TYPES, type Json } from '@countersign/protocol'
import { Type } from 'typebox'
import { requireAdmin } from '../authority/admin-tokens/authenticate.js'
import { type MutationDeps, mutateZone } from '../authority/administration/mutate.js'
import {
  exactly,
  Id,
  IdentitySchema,
  Instant,
  ItemParams,
  nullable,
  toInstant,
  toInstantOrNull,
  ZoneParams,
} from '../authority/administration/schemas.js'
import type { App } from '../http/app.js'
import { pageOf, pageQuery, pageSchema, readPage } from '../http/pagination.js'
import { notFound, ProblemError } from '../http/problem.js'
import { CAPABILITIES, type Capability } from '../store/tables.js'
import { getChallenge, listChallenges } from './admin-queries.js'
import { type Rejection, rejectChallenge } from './reject.js'
import { type Satisfaction, satisfyChallenge } from './satisfy.js'
import { Approvals, ChallengeView, challengeView } from './view.js'

const LIST = '/v1/zones/:zone_id/step-up-challenges'
const ONE = `${LIST}/:id`

const tags = ['step-up-challenges']

const reason = Type.Optional(Type.String({ maxLength: 1024, description: 'Shown to whoever looks later.' }))
const SatisfyBody = exactly({
  reason,
  subject: Type.Optional(IdentitySchema),
  aal: Type.Optional(Type.String({ maxLength: 16, description: 'What the authentication reached: `aal1` to `aal3`.' })),
  amr: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 16 })),
  method: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  auth_time: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 253_402_300_799, description: 'Seconds since the epoch; now by default.' }),
  ),
  evidence: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
})
const RejectBody = exactly({ reason })

const Satisfied = Type.Object({
  id: Id,
  satisfied_at: nullable(Instant),
  approver: Type.String(),
  approvals: Approvals,
})
const Rejected = Type.Object({ id: Id, rejected_at: Instant })

// Approvers must be able to see what they approve.
const SEERS: readonly Capability[] = ['read', 'approve', 'prove', 'attest']

/** Listing, reading, satisfying and rejecting a zone's step-up challenges. */
export function challengeRoutes(deps: MutationDeps): (app: App) => Promise<void> {
  return async (app) => {
    app.get(
      LIST,
      {
        onRequest: requireAdmin(SEERS),
        schema: {
          summary: 'List step-up challenges, the newest first',
          tags,
          params: ZoneParams,
          querystring: exactly({
            ...pageQuery,
            state: Type.Optional(Type.Enum([...CHALLENGE_STATES])),
            type: Type.Optional(Type.Enum([...CHALLENGE_TYPES])),
            principal: Type.Optional(
              Type.String({
                minLength: 1,
                maxLength: 4096,
                description: 'Of whom: the id of the subject, or its whole key.',
              }),
            ),
          }),
          response: { 200: pageSchema(ChallengeView) },
        },
      },
      async ({ params, query }) => {
        const page = readPage(query)
        const rows = await listChallenges(deps.db, params.zone_id, {
          state: query.state,
          type: query.type,
          principal: query.principal,
          after: page.after,
          limit: page.limit + 1,
        })
        const { items, next_cursor } = pageOf(rows, page, (row) => row.id, challengeView)
        return { items: [...items], next_cursor }
      },
    )

    app.get(
      ONE,
      {
        onRequest: requireAdmin(SEERS),
        schema: {
          summary: 'Read a step-up challenge, with the request exactly as bound',
          tags,
          params: ItemParams,
          response: { 200: ChallengeView },
        },
      },
      async ({ params }) => {
        const challenge = await getChallenge(deps.db, params.zone_id, params.id)
        if (challenge === undefined) throw notFound()
        return challengeView(challenge)
      },
    )

    app.post(
      `${ONE}/satisfy`,
      {
        // Whether a token may act depends on the challenge, so every token of the zone is heard and then told why not.
        onRequest: requireAdmin(CAPABILITIES),
        schema: {
          summary: 'Give a proof towards a pending challenge',
          tags,
          params: ItemParams,
          body: SatisfyBody,
          response: { 200: Satisfied },
        },
      },
      (request, reply) =>
        mutateZone(deps, request, reply, async ({ tx, zoneId, now, actor }) => {
          const act = { zoneId, now, id: request.params.id, approver: actor }
          const { evidence, ...rest } = request.body
          const submission =
            evidence === undefined ? rest : { ...rest, evidence: evidence as { [member: string]: Json } }
          const satisfied = orThrow(await satisfyChallenge(tx, act, submission))
          const { id, satisfiedAt, approver, approvals, event } = satisfied
          const satisfied_at = toInstantOrNull(satisfiedAt)
          return { body: { id, satisfied_at, approver, approvals }, event }
        }),
    )

    app.post(
      `${ONE}/reject`,
      {
        // Whether a token may act depends on the challenge, so every token of the zone is heard and then told why not.
        onRequest: requireAdmin(CAPABILITIES),
        schema: {
          summary: 'Reject a challenge that is not used yet',
          tags,
          params: ItemParams,
          body: RejectBody,
          response: { 200: Rejected },
        },
      },
      (request, reply) =>
        mutateZone(deps, request, reply, async ({ tx, zoneId, now, actor }) => {
          const act = { zoneId, now, id: request.params.id, approver: actor }
          const { id, rejectedAt, event } = orThrow(await rejectChallenge(tx, act, request.body.reason ?? null))
          return { body: { id, rejected_at: toInstant(rejectedAt) }, event }
        }),
    )
  }
}

type Failure = Extract<Satisfaction | Rejection, { outcome: 'not_found' | 'refused' }>

function orThrow<T extends Satisfaction | Rejection>(result: T): Exclude<T, Failure> {
  if (result.outcome === 'not_found') throw notFound()
  if (result.outcome === 'refused') throw new ProblemError(result.status, result.code, result.detail)
  return result as Exclude<T, Failure>
}
