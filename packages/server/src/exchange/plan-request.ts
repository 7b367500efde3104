import { hash } from 'node:crypto'
import { type Receipt, TOKEN_TYPES } from '@countersign/protocol'
import { raisedAssurance, sessionStanding } from '../authority/assurance.js'
import { challengeWebhookPayload } from '../challenge/webhook/payload.js'
import type { CommitItem, NewChallenge } from '../commit/item.js'
import type { LedgerEvent } from '../ledger/event.js'
import type { MandateClaims } from '../mandate/claims.js'
import { mintMandate } from '../mandate/mint.js'
import { andThen, type Eventual } from '../store/eventual.js'
import { newId } from '../store/ids.js'
import { Binding } from './binding.js'
import { mandateClaims } from './claims.js'
import type { Attempt, ExchangeDeps } from './context.js'
import { exchangeEvent } from './event.js'
import { type Judgement, judgeSession, judgeTargets } from './judge.js'
import { type Parties, resolveParties } from './parties.js'
import { createPause, joinPause, joinSuccessor, type Pause, principalOf, sameAgain } from './pause.js'
import type { Answer, Plan } from './plan.js'
import { FailedProof, lookAtChallenge, type Presented } from './presented.js'
import { type Recovery, readRecovery } from './recovery.js'
import { challengeInvalid, Refusal } from './refusal.js'
import { resolveTargets } from './targets.js'

/** Everything known of a request once its parties are. */
interface Case {
  readonly deps: ExchangeDeps
  readonly attempt: Attempt
  readonly parties: Parties
  readonly binding: Binding
}

/** What a request presents of earlier ones. */
interface Past {
  readonly recovery: Recovery | undefined
  readonly presented: Presented | undefined
}

const NO_PAST: Past = { recovery: undefined, presented: undefined }

/**
 * Computes the outcome of a request, a refusal too, and all that has to hold for it. Nothing is written here.
 *
 * @param again whether an earlier outcome went stale: then a live challenge of the same request is looked for first
 */
export async function planRequest(deps: ExchangeDeps, attempt: Attempt, again: boolean): Promise<Plan> {
  const { request, snapshot, application, now } = attempt
  const { sessions, issuerKeys, baseUrl } = deps
  let it: Case | undefined
  try {
    const resolving = resolveParties(request, { snapshot, application, sessions, issuerKeys, baseUrl, now })
    const parties = asLeft(deps, attempt, resolving instanceof Promise ? await resolving : resolving)
    it = { deps, attempt, parties, binding: new Binding(request, parties) }
    if (request.resources.length === 0 && request.scopes.length > 0) {
      throw new Refusal('invalid_scope', 'scope_without_resource', 'scopes belong to resources; name the resource too')
    }
    const isFirst = request.challenge === undefined && request.idempotencyKey === undefined
    const planning = planFor(it, isFirst ? NO_PAST : await readPast(it), again)
    return planning instanceof Promise ? await planning : planning
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (it === undefined) return planRefusal(attempt, error)
    const failed = error instanceof FailedProof
    const { parties } = it
    const throttle = failed ? { applicationId: application.id, principalId: principalOf(parties), failed } : undefined
    return planRefusal(attempt, error, { parties, throttle })
  }
}

// A session whose level has lapsed idle is written down with what is left, with the first outcome that stands on it.
function asLeft({ sessions }: ExchangeDeps, { snapshot, now }: Attempt, parties: Parties): Parties {
  const aal = sessions.leftOf(parties.session, snapshot.settings, now)
  if (aal === undefined) return parties
  const session = { ...parties.session, aal }
  const { id, acr, amr, authTime, tokenIssuedAt } = session
  return { ...parties, session, raise: { sessionId: id, aal, acr, amr, authTime, tokenIssuedAt } }
}

async function readPast({ deps, attempt, parties, binding }: Case): Promise<Past> {
  let recovery = await readRecovery(deps.db, attempt, binding)
  // Before the targets: a proof for another request is a failed proof whatever that request is for.
  const presented = await lookAtChallenge(deps, attempt.request, parties, binding, principalOf(parties))
  if (presented?.kind === 'spent') {
    // Between the two looks the first request of this key may have been committed.
    recovery ??= await readRecovery(deps.db, attempt, binding)
    if (recovery?.challengeId !== presented.challenge.id) throw challengeInvalid('consumed')
  }
  return { recovery, presented }
}

function planFor(it: Case, { recovery, presented }: Past, again: boolean): Eventual<Plan> {
  const { deps, attempt, parties } = it
  const { request, snapshot, application, now } = attempt
  const { resources, scopes } = request
  const targets = resolveTargets({ snapshot, application, subject: parties.subject, resources, scopes, now })
  if (presented?.kind === 'early') return planPause(it, sameAgain(presented.challenge))

  const chain = presented?.kind === 'resolved' || presented?.kind === 'spent' ? presented.chain : []
  const lastUsedAt = deps.sessions.lastUsedAt(parties.session)
  const judgement =
    request.resources.length === 0
      ? judgeSession(attempt, parties, chain, lastUsedAt)
      : judgeTargets(attempt, parties, targets, chain, lastUsedAt)
  if (judgement.kind === 'denied') throw policyRefusal(judgement)
  if (judgement.kind === 'demanded') {
    if (recovery !== undefined) throw challengeInvalid('recovered_proof_no_longer_suffices')
    return andThen(pauseFor(it, judgement.demand, presented, again), (pause) => planPause(it, pause, judgement))
  }
  if (recovery !== undefined) return planRecovery(it, recovery, judgement)
  const ids = { jti: newId(now), txn: newId(now) }
  const support = {
    targets,
    used: judgement.used,
    challengeExpiresAt: judgement.used.length > 0 ? presented?.challenge.expiresAt : undefined,
  }
  const claims = mandateClaims(attempt, parties, support, ids, deps.baseUrl, lastUsedAt)
  return planIssue(it, claims, judgement, presented)
}

function planIssue(
  it: Case,
  claims: MandateClaims,
  judgement: Judgement & { kind: 'allowed' },
  presented: Presented | undefined,
): Plan {
  const { deps, attempt, parties, binding } = it
  const { request, application } = attempt
  const [first, ...rest] = judgement.used.map(({ id }) => id)
  const event = exchangeEvent(attempt, claims.txn, {
    outcome: 'issued',
    evaluationStatus: 'complete',
    parties,
    decisions: judgement.decisions,
    mandate: claims,
    challengeIds: first === undefined ? undefined : [first, ...rest],
  })
  const consumes = first !== undefined && presented?.kind === 'resolved'
  const item = commitItem(attempt, event, {
    parties,
    // Of both the proof is the stronger: it was asked for although the token had been counted.
    raise: elevation(it, judgement) ?? parties.raise,
    recovery:
      request.idempotencyKey === undefined
        ? undefined
        : {
            applicationId: application.id,
            keyHash: hash('sha256', request.idempotencyKey, 'buffer'),
            bindingHash: binding.hash,
            challengeId: first ?? null,
            claims: { ...claims },
            expiresAt: claims.exp * 1000,
          },
    consume: consumes
      ? {
          ids: [first, ...rest],
          applicationId: application.id,
          sessionId: parties.session.id,
          principalId: principalOf(parties),
          bindingHash: binding.hash,
          secretHash: presented.secretHash,
        }
      : undefined,
    throttle:
      consumes && presented.hadFailures
        ? { applicationId: application.id, principalId: principalOf(parties), failed: false }
        : undefined,
  })
  return { item, answer: (receipt) => issue(deps, it, claims, receipt) }
}

// The same claims again, never more and never longer; everything but the challenge was checked as for a new mandate.
function planRecovery(it: Case, recovery: Recovery, judgement: Judgement): Plan {
  const { deps, attempt, parties } = it
  const { claims } = recovery
  const event = exchangeEvent(attempt, newId(attempt.now), {
    outcome: 'issued',
    evaluationStatus: 'complete',
    parties,
    decisions: judgement.decisions,
    mandate: claims,
    recovers: claims.txn,
  })
  return {
    item: commitItem(attempt, event, { parties, raise: parties.raise, recovered: claims.jti }),
    answer: (receipt) => issue(deps, it, claims, receipt),
  }
}

function planPause(it: Case, pause: Pause, judgement?: Judgement): Plan {
  const { attempt, parties } = it
  const event = exchangeEvent(attempt, newId(attempt.now), {
    outcome: 'challenged',
    evaluationStatus: 'complete',
    parties,
    decisions: judgement?.decisions,
    pause,
  })
  const { create, join } = pause
  return {
    item: commitItem(attempt, event, { parties, raise: parties.raise, create, join }),
    answer: (receipt) => {
      learnSession(it)
      if (create !== undefined && create.webhookPayload !== null) it.deps.onWebhook()
      return { kind: 'paused', body: { ...pause.body, receipt } }
    },
  }
}

/** A plan that only records that a request was refused, and then refuses it. */
export function planRefusal(
  attempt: Attempt,
  refusal: Refusal,
  known: { readonly parties?: Parties; readonly throttle?: CommitItem['throttle'] } = {},
): Plan {
  const { outcome = 'failed', evaluationStatus } = refusal.options
  const decisions = refusal instanceof PolicyRefusal ? refusal.judgement.decisions : undefined
  const event = exchangeEvent(attempt, newId(attempt.now), {
    outcome,
    evaluationStatus: evaluationStatus ?? refusal.reason,
    parties: known.parties,
    decisions,
    refusal,
  })
  return {
    item: commitItem(attempt, event, { throttle: known.throttle }),
    answer: () => {
      throw refusal
    },
  }
}

class PolicyRefusal extends Refusal {
  constructor(readonly judgement: Judgement) {
    const status = judgement.decisions.find(({ status }) => status !== 'complete')?.status
    super('access_denied', status === undefined ? 'policy_denied' : `policy_${status}`, 'policy does not allow it', {
      outcome: 'denied',
      evaluationStatus: status ?? 'complete',
    })
  }
}

function policyRefusal(judgement: Judgement): Refusal {
  return new PolicyRefusal(judgement)
}

function pauseFor(
  it: Case,
  demand: Parameters<typeof createPause>[3],
  presented: Presented | undefined,
  again: boolean,
): Eventual<Pause> {
  const { deps, attempt, parties, binding } = it
  const create = (chain: Parameters<typeof createPause>[4]): Pause =>
    createPause(attempt, parties, binding, demand, chain, (challenge) => webhookPayload(deps, attempt, challenge))
  if (presented?.kind === 'superseded') return joinSuccessor(deps, attempt, binding)
  if (presented?.kind === 'resolved') return create(presented.chain)
  // The first time nobody has asked before, most likely; if somebody has, the commit says so.
  return again ? joinPause(deps, attempt, binding).then((joined) => joined ?? create([])) : create([])
}

// Written with the challenge, in the same transaction: a zone with a webhook hears of every one.
function webhookPayload(deps: ExchangeDeps, attempt: Attempt, challenge: NewChallenge): string | null {
  const { snapshot, application, now } = attempt
  if (snapshot.settings.webhook === undefined) return null
  const { zoneId } = snapshot
  return challengeWebhookPayload(challenge, {
    zoneId,
    applicationName: application.name,
    baseUrl: deps.baseUrl,
    now,
  })
}

// One shape for every outcome. A refusal stands on nothing but the zone and opens nothing: it has no `parties`.
function commitItem(
  { snapshot, once }: Attempt,
  event: LedgerEvent,
  more: Omit<CommitItem, 'zoneId' | 'revision' | 'event' | 'anchors' | 'open' | 'once'> & {
    readonly parties?: Parties
  },
): CommitItem {
  const { parties, raise, recovery, recovered, create, join, consume, throttle } = more
  return {
    zoneId: snapshot.zoneId,
    revision: snapshot.revision,
    event,
    anchors: parties?.anchors ?? [],
    open: parties?.open,
    raise,
    once,
    recovery,
    recovered,
    create,
    join,
    consume,
    throttle,
  }
}

/** What a session-mandate request that passed its challenge makes of the session: stronger or fresher, never weaker. */
function elevation(it: Case, judgement: Judgement & { kind: 'allowed' }): CommitItem['raise'] {
  const { deps, attempt, parties } = it
  const proof = judgement.used.find(({ type }) => type === 'mfa')
  if (attempt.request.raise === undefined || proof?.aal == null) return undefined
  const { session } = parties
  const standing = sessionStanding(session, attempt.snapshot.settings, attempt.now, deps.sessions.lastUsedAt(session))
  const { aal, amr, authTime } = proof
  const raised = raisedAssurance({ ...session, aal: standing.aal }, { aal, acr: aal, amr, authTime })
  return raised === undefined ? undefined : { ...raised, sessionId: session.id, tokenIssuedAt: session.tokenIssuedAt }
}

function issue(deps: ExchangeDeps, it: Case, claims: MandateClaims, receipt: Receipt): Eventual<Answer> {
  const { attempt } = it
  learnSession(it)
  return andThen(mintMandate(attempt.snapshot, deps.sealer, claims, attempt.now), (token) => ({
    kind: 'issued',
    body: {
      access_token: token,
      issued_token_type: attempt.request.requestedTokenType === 'jwt' ? TOKEN_TYPES.jwt : TOKEN_TYPES.accessToken,
      token_type: 'Bearer',
      expires_in: claims.exp - Math.floor(attempt.now / 1000),
      scope: claims.scope,
      target_resources: claims.target ?? [],
      receipt,
    },
  }))
}

function learnSession({ deps, attempt, parties }: Case): void {
  const { session, raise } = parties
  deps.sessions.touch(session, attempt.snapshot.settings, attempt.now)
  if (raise !== undefined || attempt.request.raise !== undefined) deps.sessions.forget(session.id)
}
