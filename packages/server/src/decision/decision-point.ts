import type { DecisionData } from '@countersign/protocol'
import { parseBasic } from '../authority/caller/basic.js'
import { Currency } from '../authority/currency.js'
import type { SessionAnchors } from '../authority/session-anchors.js'
import { SAMPLED_ALLOWS } from '../authority/settings/schemas.js'
import type { Application, Resource, Snapshots, ZoneSnapshot } from '../authority/snapshot.js'
import type { CommitQueue } from '../commit/queue.js'
import { CommitUnavailable } from '../commit/queue.js'
import { bearerOf } from '../http/bearer.js'
import { notFound, ProblemError } from '../http/problem.js'
import type { Clock } from '../store/clock.js'
import type { Db } from '../store/database.js'
import { andThen, andThenEach, type Eventual } from '../store/eventual.js'
import { isId, newId } from '../store/ids.js'
import {
  authenticateDecisionCaller,
  type DecisionCaller,
  invalidClient,
  invalidToken,
  type UnknownCaller,
  zoneClaimOf,
} from './caller.js'
import { type Decided, decide } from './decide.js'
import { type Answer, decisionEvent } from './event.js'
import { SubjectLooks, zoneOfApplication } from './queries.js'
import { type DecisionRequest, RESOURCE_TYPE } from './request.js'
import { Sample } from './sample.js'
import { resolveSubject, type StandingDeps, type Subject } from './standing.js'

/** What the decision point works with. */
export interface DecisionDeps {
  readonly db: Db
  readonly clock: Clock
  readonly snapshots: Snapshots
  readonly sessions: SessionAnchors
  readonly commit: CommitQueue
  readonly baseUrl: string
  /** Told of each caller that could not be authenticated. `now` in milliseconds. */
  readonly onStranger?: (stranger: {
    readonly zoneId: string
    readonly ip: string
    readonly reason: string
    readonly endpoint: 'decision'
    readonly requestId: string
    readonly now: number
  }) => Promise<void>
}

/** Who asks, from where. */
export interface DecisionOrigin {
  readonly zoneId: string
  readonly authorization: string | undefined
  readonly requestId: string
  readonly traceId: string | undefined
  readonly ip: string
  /** Told which application asks, once that is known. */
  readonly onCaller?: (application: Application) => void
}

/** Says of an answer that it is the last one to give; what comes after it is neither answered nor recorded. */
export type Until = (decision: Decided['data']) => boolean

const MOST_ATTEMPTS = 4

/** Answers whether subjects may do things: the same policy, grants and snapshot as the exchange, without its token. */
export class DecisionPoint {
  readonly #currency: Currency
  readonly #standing: StandingDeps
  readonly #sample = new Sample()

  constructor(private readonly deps: DecisionDeps) {
    this.#currency = new Currency(deps.db)
    this.#standing = { sessions: deps.sessions, looks: new SubjectLooks(deps.db) }
  }

  /**
   * Answers a question. The answer was still true after this was called: what it was computed from is held against the
   * database, by the commit that records it or by a read that came after the question, one for many.
   *
   * A question is not a use of the session it is about: a page that is left open and keeps asking must not keep a level
   * from lapsing.
   *
   * @throws ProblemError
   */
  check(origin: DecisionOrigin, request: DecisionRequest): Promise<DecisionData> {
    return this.#asked(origin, (snapshot, caller) =>
      andThen(this.#answer(origin, snapshot, caller, request), (answer) => this.#settle(answer)),
    )
  }

  /**
   * Answers several questions, in their order, each as {@link check} does.
   *
   * @throws ProblemError
   */
  checkEach(
    origin: DecisionOrigin,
    requests: readonly DecisionRequest[],
    until: Until = () => false,
  ): Promise<DecisionData[]> {
    return this.#asked(origin, (snapshot, caller) => {
      const answers = andThenEach(requests, (request) => this.#answer(origin, snapshot, caller, request))
      return andThen(answers, (decided) => {
        const last = decided.findIndex((answer) => until(answer.decided.data))
        const kept = last === -1 ? decided : decided.slice(0, last + 1)
        return andThen(
          andThenEach(kept, (answer) => this.#settle(answer)),
          (settled) => {
            const current = settled.filter((answer) => answer !== 'stale')
            return current.length === settled.length ? current : 'stale'
          },
        )
      })
    })
  }

  /**
   * Registered resources on which the subject may do it now, without a step-up, by identifier and after `after`: one
   * more than `limit` when there are more.
   */
  listResources(
    origin: DecisionOrigin,
    request: DecisionRequest,
    page: { readonly after: string | null; readonly limit: number },
  ): Promise<{ readonly resources: readonly Resource[]; readonly policyVersion: number }> {
    return this.#asked(origin, async (snapshot, caller) => {
      const subject = await this.#subjectOf(snapshot, caller, request)
      const candidates = [...snapshot.resources.values()]
        .filter(({ scopes, identifier }) => scopes.includes(request.permission) && identifier > (page.after ?? ''))
        .sort((a, b) => (a.identifier < b.identifier ? -1 : 1))
      const resources: Resource[] = []
      const id = newId(this.deps.clock.now())
      for (const resource of candidates) {
        if (resources.length > page.limit) break
        const about = { ...request, resource: { type: RESOURCE_TYPE, id: resource.identifier }, explain: false }
        if (this.#decide(id, origin, snapshot, caller, subject, about).policy.kind === 'allow') resources.push(resource)
      }
      if (!(await this.#holds(snapshot, subject))) return this.#stale(subject)
      return { resources, policyVersion: snapshot.policyVersion }
    })
  }

  /**
   * The zone a caller belongs to, for the endpoints that are the same for every zone. Nothing is believed yet: the zone
   * only says against whose keys and secrets the credential is held.
   *
   * @throws ProblemError 401 for a credential of no zone
   */
  async zoneOf(authorization: string | undefined): Promise<string> {
    const token = bearerOf(authorization)
    const zoneId = token === undefined ? await this.#zoneOfBasic(authorization) : zoneClaimOf(token)
    if (zoneId !== undefined && isId(zoneId) && (await this.deps.snapshots.get(zoneId)) !== undefined) return zoneId
    throw token === undefined ? invalidClient() : invalidToken()
  }

  /** @throws ProblemError 404 when there is no such zone */
  async requireZone(zoneId: string): Promise<void> {
    if (!isId(zoneId) || (await this.deps.snapshots.current(zoneId)) === undefined) throw notFound()
  }

  async #zoneOfBasic(authorization: string | undefined): Promise<string | undefined> {
    const basic = parseBasic(authorization)
    if (basic === undefined || basic === 'malformed' || !isId(basic.id)) return undefined
    return zoneOfApplication(this.deps.db, basic.id)
  }

  // Everything is asked of one snapshot. What turns out stale, and whatever would be refused because of it, is asked
  // again of the one that stands now.
  async #asked<T>(
    origin: DecisionOrigin,
    work: (snapshot: ZoneSnapshot, caller: DecisionCaller) => Eventual<T | 'stale'>,
  ): Promise<T> {
    if (!isId(origin.zoneId)) throw notFound()
    for (let attempts = 1; ; attempts++) {
      const { snapshots } = this.deps
      const held = attempts === 1 ? snapshots.get(origin.zoneId) : snapshots.current(origin.zoneId)
      const snapshot = held instanceof Promise ? await held : held
      if (snapshot === undefined) throw notFound()
      const { authorization } = origin
      const asks = authenticateDecisionCaller(this.deps, snapshot, authorization, this.deps.clock.now())
      const caller = asks instanceof Promise ? await asks : asks
      if (caller.kind === 'unknown') {
        if (attempts > 1) throw await this.#turnAway(origin, caller)
        continue
      }
      try {
        const working = work(snapshot, caller)
        const result = working instanceof Promise ? await working : working
        if (result !== 'stale') {
          origin.onCaller?.(caller.application)
          return result
        }
      } catch (error) {
        if (attempts > 1 || !(error instanceof ProblemError) || error.status >= 500) {
          origin.onCaller?.(caller.application)
          throw error
        }
      }
      if (attempts === MOST_ATTEMPTS) throw busy('what the decision rests on keeps changing')
    }
  }

  async #turnAway(
    { zoneId, ip, requestId }: DecisionOrigin,
    { problem, reason }: UnknownCaller,
  ): Promise<ProblemError> {
    const now = this.deps.clock.now()
    await this.deps.onStranger?.({ zoneId, ip, reason, endpoint: 'decision', requestId, now })
    return problem
  }

  #answer(
    origin: DecisionOrigin,
    snapshot: ZoneSnapshot,
    caller: DecisionCaller,
    request: DecisionRequest,
  ): Eventual<Answer> {
    return andThen(this.#subjectOf(snapshot, caller, request), (subject) => {
      const id = newId(this.deps.clock.now())
      const decided = this.#decide(id, origin, snapshot, caller, subject, request)
      return { origin, snapshot, caller, subject, request, decided }
    })
  }

  // Of the questions of a batch that are about the same subject, all share the read of its sessions.
  #subjectOf(snapshot: ZoneSnapshot, caller: DecisionCaller, request: DecisionRequest): Eventual<Subject> {
    return resolveSubject(this.#standing, snapshot, caller, request, this.deps.clock.now())
  }

  #decide(
    id: string,
    origin: DecisionOrigin,
    snapshot: ZoneSnapshot,
    caller: DecisionCaller,
    subject: Subject,
    request: DecisionRequest,
  ): Decided {
    const { identity, standing } = subject
    const { traceId, ip } = origin
    const now = this.deps.clock.now()
    return decide({ id, snapshot, caller, subject: identity, standing, request, now, traceId, ip })
  }

  #settle(answer: Answer): Eventual<DecisionData | 'stale'> {
    const { snapshot, subject, decided } = answer
    const holds = this.#isRecorded(snapshot, decided) ? this.#record(answer) : this.#holds(snapshot, subject)
    return andThen(holds, (held) => (held ? decided.data : this.#stale(subject)))
  }

  // Where looking for the subject's sessions has shown it, nothing is read again.
  #holds(snapshot: ZoneSnapshot, { standing, heldAt }: Subject): Eventual<boolean> {
    return heldAt === undefined ? this.#currency.holds(snapshot, standing.session) : heldAt === snapshot.revision
  }

  #stale({ standing: { session } }: Subject): 'stale' {
    if (session !== undefined) this.deps.sessions.forget(session.id)
    return 'stale'
  }

  #isRecorded(snapshot: ZoneSnapshot, { policy }: Decided): boolean {
    if (policy.kind !== 'allow') return true
    const share = snapshot.settings.decisions?.sampled_allows ?? SAMPLED_ALLOWS
    return this.#sample.has(share)
  }

  async #record(answer: Answer): Promise<boolean> {
    const { snapshot, subject } = answer
    const { session } = subject.standing
    const event = decisionEvent(answer, this.deps.clock.now())
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
