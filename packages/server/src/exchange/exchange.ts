import { authenticateCaller, ONCE_ASSERTION } from '../authority/caller/authenticate.js'
import { parseBasic } from '../authority/caller/basic.js'
import { noSuchZone } from '../authority/caller/fields.js'
import { issuerOf, type ZoneSnapshot } from '../authority/snapshot.js'
import type { Verdict } from '../commit/item.js'
import { CommitUnavailable } from '../commit/queue.js'
import { OAuthError } from '../http/oauth-error.js'
import { type LedgerEvent, receiptOf } from '../ledger/event.js'
import { andThen, type Eventual } from '../store/eventual.js'
import type { Attempt, ExchangeDeps, RequestOrigin } from './context.js'
import type { Answer, Plan } from './plan.js'
import { planRefusal, planRequest } from './plan-request.js'
import { Refusal } from './refusal.js'
import type { TokenRequest } from './request.js'
import { type Stranger, Strangers } from './strangers.js'

// How often an outcome that went stale is computed anew before the caller is asked to come back.
const MOST_ATTEMPTS = 4

/** The token endpoint, without its HTTP. */
export class Exchange {
  readonly #strangers = new Strangers()

  constructor(private readonly deps: ExchangeDeps) {}

  /**
   * Carries a request to its end: computes the outcome from what this node knows, commits it if all of that still
   * stands, and answers. What was computed from something that has changed since is computed again.
   *
   * @throws OAuthError for every request that gets neither a mandate nor a challenge
   */
  async run(request: TokenRequest, origin: RequestOrigin): Promise<Answer> {
    const held = this.deps.snapshots.get(request.zoneId)
    let snapshot = held instanceof Promise ? await held : held
    for (let attempts = 1; ; attempts++) {
      const begun = this.#begin(request, origin, snapshot)
      const attempt = begun instanceof Promise ? await begun : begun
      if (attempt === undefined) {
        // Before a caller is turned away, what this node knows of the zone is held against the database.
        const current = await this.deps.snapshots.current(request.zoneId)
        if (current !== snapshot && attempts < MOST_ATTEMPTS) {
          snapshot = current
          continue
        }
        throw await this.#turnAway(request, origin, current)
      }
      const settled = await this.#settle(attempt, await planRequest(this.deps, attempt, attempts > 1))
      if (settled !== 'stale') return settled
      if (attempts >= MOST_ATTEMPTS) throw busy('what this request rests on keeps changing; try again', 1)
      snapshot = await this.deps.snapshots.current(request.zoneId)
    }
  }

  /** Records that somebody could not be authenticated, or counts it when there are many. */
  async recordStranger(stranger: Stranger): Promise<void> {
    const event = this.#strangers.failure(stranger)
    if (event !== undefined) await this.#recordAlone(event)
  }

  /** Records what was only counted; all of it when the service stops. */
  async recordSummaries(all = false): Promise<void> {
    for (const event of this.#strangers.summaries(this.deps.clock.now(), all)) await this.#recordAlone(event)
  }

  #begin(
    request: TokenRequest,
    origin: RequestOrigin,
    snapshot: ZoneSnapshot | undefined,
  ): Eventual<Attempt | undefined> {
    if (snapshot === undefined) return undefined
    const now = this.deps.clock.now()
    return andThen(this.#authenticate(request, snapshot, now), (caller) => {
      if (caller.kind === 'failed') return undefined
      const { application, once } = caller
      origin.onCaller?.(application)
      return {
        request,
        origin,
        snapshot,
        application,
        once: once === undefined ? undefined : { kind: ONCE_ASSERTION, key: once.jtiHash, expiresAt: once.expiresAt },
        now,
      }
    })
  }

  #authenticate(request: TokenRequest, snapshot: ZoneSnapshot, now: number) {
    return authenticateCaller({
      snapshot,
      basic: parseBasic(request.authorization),
      clientId: request.clientId,
      clientSecret: request.clientSecret,
      assertion: request.assertion?.value,
      assertionType: request.assertion?.type,
      issuer: issuerOf(this.deps.baseUrl, snapshot.zoneId),
      now,
    })
  }

  async #turnAway(
    request: TokenRequest,
    origin: RequestOrigin,
    snapshot: ZoneSnapshot | undefined,
  ): Promise<OAuthError> {
    if (snapshot === undefined) return noSuchZone()
    const now = this.deps.clock.now()
    const caller = await this.#authenticate(request, snapshot, now)
    // The secret that was wrong a moment ago is right now: the answer for that is to come back.
    if (caller.kind !== 'failed') return busy('the application has just changed; try again', 1)
    const { zoneId } = snapshot
    await this.recordStranger({ ...origin, zoneId, reason: caller.reason, endpoint: 'token', now })
    return new OAuthError(caller.error, caller.message)
  }

  async #settle(attempt: Attempt, plan: Plan): Promise<Answer | 'stale'> {
    let verdict: Verdict
    try {
      verdict = await this.deps.commit.submit(plan.item)
    } catch (error) {
      throw asAnswer(error)
    }
    switch (verdict.status) {
      case 'recorded':
        // Awaited here: a promise that an async function returns takes two turns more.
        return await this.#answer(plan, plan.item.event, verdict.leafIndex)
      case 'stale':
        for (const { sessionId } of plan.item.anchors) this.deps.sessions.forget(sessionId)
        return 'stale'
      case 'replayed': {
        const refusal = new Refusal('invalid_client', 'assertion_replayed', 'the client assertion was used before')
        return this.#settle(attempt, planRefusal({ ...attempt, once: undefined }, refusal))
      }
      case 'capped': {
        const [reason, detail] =
          plan.item.join === undefined
            ? (['too_many_challenges', 'too many challenges wait for this principal'] as const)
            : (['too_many_joins', 'too many wait for the challenge of this very request'] as const)
        const refusal = new Refusal('slow_down', reason, detail, { retryAfter: 30 })
        return this.#settle(attempt, planRefusal(attempt, refusal))
      }
    }
  }

  #answer(plan: Plan, event: LedgerEvent, leafIndex: number): Eventual<Answer> {
    try {
      return plan.answer(receiptOf(event, leafIndex))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const { status, retryAfter } = error.options
      throw new OAuthError(error.error, error.description, {
        ...(status === undefined ? {} : { status }),
        ...(retryAfter === undefined ? {} : { retryAfter }),
      })
    }
  }

  // An event that rests on nothing but its zone.
  async #recordAlone(event: LedgerEvent): Promise<void> {
    for (let attempts = 0; attempts < MOST_ATTEMPTS; attempts++) {
      const snapshot = await this.deps.snapshots.current(event.zoneId)
      if (snapshot === undefined) return
      const item = { zoneId: event.zoneId, revision: snapshot.revision, event, anchors: [] }
      try {
        const { status } = await this.deps.commit.submit(item)
        if (status !== 'stale') return
      } catch (error) {
        throw asAnswer(error)
      }
    }
  }
}

function asAnswer(error: unknown): unknown {
  return error instanceof CommitUnavailable ? busy(error.message, error.retryAfter) : error
}

function busy(message: string, retryAfter: number): OAuthError {
  return new OAuthError('temporarily_unavailable', message, { retryAfter })
}
