import type { DecisionData } from '@countersign/protocol'
import { parseBasic } from '../authority/caller/basic.js'
import { Currency } from '../authority/currency.js'
import type { SessionAnchors } from '../authority/session-anchors.js'
import type { Resource, Snapshots, ZoneSnapshot } from '../authority/snapshot.js'
import type { CommitQueue } from '../commit/queue.js'
import { CommitUnavailable } from '../commit/queue.js'
import { notFound, ProblemError } from '../http/problem.js'
import type { Clock } from '../store/clock.js'
import type { Db } from '../store/database.js'
import { isId, newId } from '../store/ids.js'
import { authenticateDecisionCaller, bearerOf, type DecisionCaller, zoneClaimOf } from './caller.js'
import { type Decided, decide } from './decide.js'
import { decisionEvent } from './event.js'
import { zoneOfApplication } from './queries.js'
import type { DecisionRequest } from './request.js'
import { resolveSubject, type Subject } from './standing.js'

/** What the decision point works with. */
export interface DecisionDeps {
  readonly db: Db
  readonly clock: Clock
  readonly snapshots: Snapshots
  readonly sessions: SessionAnchors
  readonly commit: CommitQueue
  readonly baseUrl: string
  /** A number from 0 to 1, for the sample of allows that is recorded. */
  readonly random?: () => number
}

/** Who asks, from where. */
export interface DecisionOrigin {
  readonly zoneId: string
  readonly authorization: string | undefined
  readonly requestId: string
  readonly traceId: string | undefined
  readonly ip: string
}

/** How much of what is allowed is recorded when a zone does not say. */
const SAMPLED_ALLOWS = 0.01
const MOST_ATTEMPTS = 4

/** Answers whether subjects may do things: the same policy, grants and snapshot as the exchange, without its token. */
export class DecisionPoint {
  readonly #currency: Currency

  constructor(private readonly deps: DecisionDeps) {
    this.#currency = new Currency(deps.db)
  }

  /**
   * Answers questions, in their order. Each answer was still true when this was called, or is recorded as such: before
   * it is given, what it was computed from is held against the database.
   *
   * @throws ProblemError
   */
  async check(origin: DecisionOrigin, requests: readonly DecisionRequest[]): Promise<DecisionData[]> {
    return this.#asked(origin, async (snapshot, caller) => {
      const answers = await Promise.all(requests.map((request) => this.#answer(origin, snapshot, caller, request)))
      const current = answers.filter((answer) => answer !== 'stale')
      return current.length === answers.length ? current : 'stale'
    })
  }

  /** Those of some registered resources on which the subject may do it now, without a step-up. */
  async listResources(
    origin: DecisionOrigin,
    request: DecisionRequest,
    page: { readonly after: string | null; readonly limit: number },
  ) {
    return this.#asked(origin, async (snapshot, caller) => {
      const subject = await resolveSubject(this.deps, snapshot, caller, request, this.deps.clock.now())
      const candidates = [...snapshot.resources.values()]
        .filter(({ scopes, identifier }) => scopes.includes(request.permission) && identifier > (page.after ?? ''))
        .sort((a, b) => (a.identifier < b.identifier ? -1 : 1))
      const found: Resource[] = []
      for (const resource of candidates) {
        if (found.length === page.limit) break
        const about = { ...request, resource: { type: 'Resource', id: resource.identifier }, explain: false }
        if (this.#decide(origin, snapshot, caller, subject, about).policy.kind === 'allow') found.push(resource)
      }
      if (!(await this.#currency.holds(snapshot, subject.standing.session))) return 'stale'
      const last = found.at(-1)
      const more = found.length === page.limit && last !== undefined && candidates.at(-1) !== last
      return { resources: found, policyVersion: snapshot.policyVersion, nextAfter: more ? last.identifier : null }
    })
  }

  /**
   * The zone a caller belongs to, for the endpoints that are the same for every zone. Nothing is believed yet: the zone
   * only says against whose keys and secrets the credential is held.
   */
  async zoneOf(authorization: string | undefined): Promise<string> {
    const token = bearerOf(authorization)
    if (token !== undefined) return zoneClaimOf(token) ?? ''
    const basic = parseBasic(authorization)
    const id = basic === undefined || basic === 'malformed' ? '' : basic.id
    return isId(id) ? ((await zoneOfApplication(this.deps.db, id)) ?? '') : ''
  }

  // Everything is asked of one snapshot; what turns out stale, and a caller it does not know, of a newer one.
  async #asked<T>(
    origin: DecisionOrigin,
    work: (snapshot: ZoneSnapshot, caller: DecisionCaller) => Promise<T | 'stale'>,
  ): Promise<T> {
    if (!isId(origin.zoneId)) throw notFound()
    for (let attempts = 1; ; attempts++) {
      const snapshot = await (attempts === 1
        ? this.deps.snapshots.get(origin.zoneId)
        : this.deps.snapshots.current(origin.zoneId))
      if (snapshot === undefined) throw notFound()
      let caller: DecisionCaller
      try {
        caller = await authenticateDecisionCaller(this.deps, snapshot, origin.authorization, this.deps.clock.now())
      } catch (error) {
        if (attempts === 1 && error instanceof ProblemError) continue
        throw error
      }
      const result = await work(snapshot, caller)
      if (result !== 'stale') return result
      if (attempts === MOST_ATTEMPTS) throw busy('what the decision rests on keeps changing')
    }
  }

  async #answer(
    origin: DecisionOrigin,
    snapshot: ZoneSnapshot,
    caller: DecisionCaller,
    request: DecisionRequest,
  ): Promise<DecisionData | 'stale'> {
    const subject = await resolveSubject(this.deps, snapshot, caller, request, this.deps.clock.now())
    const decided = this.#decide(origin, snapshot, caller, subject, request)
    const id = newId(this.deps.clock.now())
    const { session } = subject.standing
    if (session !== undefined) this.deps.sessions.touch(session, this.deps.clock.now())
    const holds = this.#isRecorded(snapshot, decided)
      ? await this.#record(id, origin, snapshot, caller, subject, request, decided)
      : await this.#currency.holds(snapshot, session)
    if (holds) return { ...decided.data, decision_id: id }
    if (session !== undefined) this.deps.sessions.forget(session.id)
    return 'stale'
  }

  #decide(
    origin: DecisionOrigin,
    snapshot: ZoneSnapshot,
    caller: DecisionCaller,
    subject: Subject,
    request: DecisionRequest,
  ): Decided {
    const { identity, standing } = subject
    const { traceId, ip } = origin
    return decide({ snapshot, caller, subject: identity, standing, request, now: this.deps.clock.now(), traceId, ip })
  }

  #isRecorded(snapshot: ZoneSnapshot, { policy }: Decided): boolean {
    if (policy.kind !== 'allow') return true
    const share = snapshot.settings.decisions?.sampled_allows ?? SAMPLED_ALLOWS
    return (this.deps.random ?? Math.random)() < share
  }

  async #record(
    id: string,
    origin: DecisionOrigin,
    snapshot: ZoneSnapshot,
    caller: DecisionCaller,
    subject: Subject,
    request: DecisionRequest,
    decided: Decided,
  ): Promise<boolean> {
    const { session } = subject.standing
    const event = decisionEvent({ id, origin, snapshot, caller, subject, request, decided, now: this.deps.clock.now() })
    const anchors = session === undefined ? [] : [{ sessionId: session.id, version: session.version }]
    try {
      const { zoneId, revision } = snapshot
      const verdict = await this.deps.commit.submit({ zoneId, revision, event, anchors })
      return verdict.status === 'recorded'
    } catch (error) {
      if (error instanceof CommitUnavailable) throw busy(error.message)
      throw error
    }
  }
}

function busy(detail: string): ProblemError {
  return new ProblemError(503, 'temporarily_unavailable', detail, { headers: { 'retry-after': '1' } })
}
