import type { FastifyReply, FastifyRequest } from 'fastify'
import { etagOf } from '../../http/etag.js'
import { type RepeatableRequest, repeatableRequest } from '../../http/idempotency.js'
import { notFound, ProblemError } from '../../http/problem.js'
import { appendEvent, createEvent, type EventValue } from '../../ledger/event.js'
import type { Db, Tx } from '../../store/database.js'
import type { Sealer } from '../../store/seal.js'
import { bumpRevision, type Change, lockZone } from '../../store/zone-change.js'
import { type AdminActor, adminActor, unauthorized } from '../admin-tokens/authenticate.js'
import { zoneExists } from '../admin-tokens/queries.js'
import { databaseTime, findAnswer, isInForce, keepAnswer, lockKey } from './queries.js'

export interface MutationDeps {
  readonly db: Db
  readonly sealer: Sealer
}

/** The transaction that a mutation happens in. */
export interface Mutation {
  readonly tx: Tx
  /** The database's time under the lock, in milliseconds. */
  readonly now: number
  readonly actor: AdminActor
}

export interface ZoneMutation extends Mutation {
  readonly zoneId: string
}

/** What an administrative act leaves in the ledger; the actor and `recorded` are added. */
export interface AdminEvent {
  /** What happened, as in `grant.created`. */
  readonly type: string
  readonly [field: string]: EventValue | undefined
}

/** How a mutation ended: what to answer, and what to tell the ledger and the other nodes. */
export interface Outcome<Body> {
  /** 200 by default, 204 without a body. */
  readonly status?: number
  readonly body?: Body
  /** Version of what is answered, for `ETag`. */
  readonly version?: number | string
  /** Null when nothing changed. */
  readonly event: AdminEvent | null
  /** Rows of the zone's snapshot that changed. */
  readonly changes?: readonly Change[]
}

/**
 * Changes a zone and answers: under the zone's lock, with its event, and with the answer kept for an
 * `Idempotency-Key`, all in one transaction. So a mutation happened, is recorded and can be repeated, or none of it.
 *
 * The zone is the path's `zone_id`, unless another is given. Whatever `work` throws undoes it all, and is not kept: the key stays unused.
 *
 * @throws ProblemError 422 `idempotency_mismatch` when the key was used for another request
 * @example
 * ```ts
 * return mutateZone(deps, request, reply, async ({ tx, zoneId, now }) => {
 *   await suspendSession(tx, zoneId, id)
 *   return { body: { id }, event: { type: 'session.suspended', session_id: id } }
 * })
 * ```
 */
export function mutateZone<Body = void>(
  deps: MutationDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  work: (mutation: ZoneMutation) => Promise<Outcome<Body>>,
  zoneId = (request.params as { readonly zone_id: string }).zone_id,
): Promise<Body> {
  const actor = adminActor(request)
  return answerOnce(deps, request, reply, {
    begin: (tx) => lockZone(tx, zoneId),
    work: async (tx, now) => {
      if (!(await zoneExists(tx, zoneId))) throw notFound()
      const outcome = await work({ tx, zoneId, now, actor })
      await recordInZone(tx, { zoneId, now, actor }, outcome)
      return outcome
    },
  })
}

/** Changes what belongs to no zone, or to one that does not exist yet; `work` records its event itself if it can. */
export function mutateService<Body = void>(
  deps: MutationDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  work: (mutation: Mutation) => Promise<Answered<Body>>,
): Promise<Body> {
  const actor = adminActor(request)
  return answerOnce(deps, request, reply, {
    begin: async (tx, repeatable) => {
      if (repeatable !== null) await lockKey(tx, actor.id, repeatable)
      return databaseTime(tx)
    },
    work: (tx, now) => work({ tx, now, actor }),
  })
}

/** Tells the other nodes and the ledger of a mutation whose transaction holds the zone's lock. */
export async function recordInZone(
  tx: Tx,
  by: { readonly zoneId: string; readonly now: number; readonly actor: AdminActor },
  outcome: Pick<Outcome<unknown>, 'event' | 'changes'>,
): Promise<void> {
  const { zoneId, now, actor } = by
  if (outcome.changes !== undefined && outcome.changes.length > 0) await bumpRevision(tx, zoneId, outcome.changes)
  if (outcome.event === null) return
  const fields = { ...outcome.event, outcome: 'recorded', actor: actor.id } as const
  await appendEvent(tx, createEvent({ zoneId, now, fields }))
}

type Answered<Body> = Omit<Outcome<Body>, 'event' | 'changes'>

interface Answer<Body> {
  readonly status: number
  readonly version?: number | string | undefined
  readonly body?: Body | undefined
}

interface Steps<Body> {
  /** Takes the lock that orders repeats of one key; undefined when what is to change does not exist. */
  readonly begin: (tx: Tx, repeatable: RepeatableRequest | null) => Promise<number | undefined>
  readonly work: (tx: Tx, now: number) => Promise<Answered<Body>>
}

async function answerOnce<Body>(
  deps: MutationDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  steps: Steps<Body>,
): Promise<Body> {
  const repeatable = repeatableRequest(request)
  const { id: actor, tokenId } = adminActor(request)
  const answer = await deps.db.transaction().execute(async (tx): Promise<Answer<Body>> => {
    const now = await steps.begin(tx, repeatable)
    if (now === undefined) throw notFound()
    if (tokenId !== null && !(await isInForce(tx, tokenId, now))) throw unauthorized()
    if (repeatable === null) return toAnswer(await steps.work(tx, now))
    const place = `admin_answers ${actor} ${repeatable.keyHash.toString('hex')}`
    const kept = await findAnswer(tx, actor, repeatable.keyHash, now)
    if (kept !== undefined) {
      if (!kept.request_hash.equals(repeatable.requestHash)) throw mismatch()
      return JSON.parse(deps.sealer.open(kept.answer_sealed, place).toString('utf8')) as Answer<Body>
    }
    const fresh = toAnswer(await steps.work(tx, now))
    const sealed = deps.sealer.seal(Buffer.from(JSON.stringify(fresh)), place)
    if (!(await keepAnswer(tx, { actor, repeatable, sealed, now }))) throw mismatch()
    return fresh
  })
  if (answer.version !== undefined) reply.header('etag', etagOf(answer.version))
  reply.code(answer.status)
  return answer.body as Body
}

function toAnswer<Body>({ status, version, body }: Answered<Body>): Answer<Body> {
  return { status: status ?? (body === undefined ? 204 : 200), version, body }
}

function mismatch(): ProblemError {
  return new ProblemError(422, 'idempotency_mismatch', 'this Idempotency-Key was used for another request')
}
