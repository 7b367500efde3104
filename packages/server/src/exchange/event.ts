import type { ChallengeType, Identity } from '@countersign/protocol'
import type { Resource } from '../authority/snapshot.js'
import { type EventOutcome, type EventValue, type LedgerEvent, Personal, sealEvent } from '../ledger/event.js'
import type { MandateClaims } from '../mandate/claims.js'
import type { PolicyDecision } from '../policy/decision.js'
import type { Attempt } from './context.js'
import type { Actor, Parties } from './parties.js'
import type { Refusal } from './refusal.js'

/** What is said of a request's end beyond what every event of an exchange says. Instants in seconds. */
export interface Ending {
  readonly outcome: EventOutcome
  readonly evaluationStatus: string
  readonly parties?: Parties | undefined
  readonly decisions?: readonly PolicyDecision[] | undefined
  readonly mandate?: Pick<MandateClaims, 'use' | 'jti' | 'iat' | 'exp'> | undefined
  /** The challenges the mandate uses up. */
  readonly challengeIds?: readonly string[] | undefined
  /** The `txn` of the mandate that is handed out again. */
  readonly recovers?: string | undefined
  readonly pause?: { readonly challengeId: string; readonly type: ChallengeType } | undefined
  readonly refusal?: Refusal | undefined
}

/** The one terminal event of a request. What identifies a person stands in it as a commitment. */
export function exchangeEvent(attempt: Attempt, id: string, ending: Ending): LedgerEvent {
  const { origin, snapshot, application, now } = attempt
  const { parties, decisions, mandate, pause, refusal } = ending
  const diagnostics = decisions?.flatMap((decision) => decision.diagnostics) ?? []
  const { resources, scopes, unknownResources, unknownScopes } = namedTargets(attempt)
  // One shape for every ending, its members in the order they are written in: made and written in a third of the time.
  return sealEvent({
    actors: parties === undefined || parties.actors.length === 0 ? undefined : parties.actors.map(actorField),
    application_id: application.id,
    cause: refusal?.options.cause,
    challenge_id: pause?.challengeId,
    challenge_ids: ending.challengeIds,
    challenge_type: pause?.type,
    decision: decisions && (decisions.every(({ kind }) => kind === 'allow') ? 'allow' : 'deny'),
    determining_policies: decisions && [...new Set(decisions.flatMap(({ determining }) => determining))],
    diagnostics: diagnostics.length === 0 ? undefined : new Personal(diagnostics),
    error: refusal?.error,
    evaluation_status: ending.evaluationStatus,
    expires_at: mandate?.exp,
    id,
    ip: new Personal(origin.ip),
    issued_at: mandate?.iat,
    jti: mandate?.jti,
    outcome: ending.outcome,
    policy_set_version_id: snapshot.policySet?.setVersionId,
    policy_version: snapshot.policyVersion,
    reason: refusal?.reason,
    recovers: ending.recovers,
    request_id: origin.requestId,
    resources,
    scopes,
    session_id: parties?.session.id,
    subject: parties && identityField(parties.subject),
    time: new Date(now).toISOString(),
    trace_id: origin.traceId,
    type: 'token_exchange',
    unknown_resources: unknownResources || undefined,
    unknown_scopes: unknownScopes || undefined,
    use: mandate?.use,
    v: 1,
    zone_id: snapshot.zoneId,
  })
}

// By name only what the zone has: what else was sent may be anything, also a secret in the wrong field.
function namedTargets({ request, snapshot }: Attempt) {
  const known: Resource[] = []
  for (const identifier of request.resources) {
    const resource = snapshot.resources.get(identifier)
    if (resource !== undefined) known.push(resource)
  }
  const scopes = request.scopes.filter((scope) => known.some((resource) => resource.scopes.includes(scope)))
  return {
    resources: known.map(({ identifier }) => identifier),
    scopes,
    unknownResources: request.resources.length - known.length,
    unknownScopes: request.scopes.length - scopes.length,
  }
}

function actorField({ identity }: Actor): EventValue {
  return identityField(identity)
}

// Only people need protection from the ledger; an application is named in it.
function identityField({ kind, issuer, id }: Identity): EventValue {
  return kind === 'user' ? { identity: new Personal({ id, issuer, kind }), kind } : { id, issuer, kind }
}
