import type { Json } from '@countersign/protocol'
import {
  createEvent,
  type EventFields,
  type EventOutcome,
  type EventValue,
  type LedgerEvent,
  Personal,
} from '../ledger/event.js'
import type { PolicyDecision } from '../policy/decision.js'
import type { Attempt } from './context.js'
import type { Parties } from './parties.js'

/** What is said of a request's end beyond what every event of an exchange says. */
export interface Ending {
  readonly outcome: EventOutcome
  readonly evaluationStatus: string
  readonly parties?: Parties | undefined
  readonly decisions?: readonly PolicyDecision[] | undefined
  readonly more?: { readonly [field: string]: EventValue | undefined }
}

/** The one terminal event of a request. What identifies a person stands in it as a commitment. */
export function exchangeEvent(attempt: Attempt, id: string, ending: Ending): LedgerEvent {
  const { origin, snapshot, application, now } = attempt
  const { parties } = ending
  const fields: EventFields = {
    type: 'token_exchange',
    outcome: ending.outcome,
    evaluation_status: ending.evaluationStatus,
    request_id: origin.requestId,
    ...(origin.traceId === undefined ? {} : { trace_id: origin.traceId }),
    ip: new Personal(origin.ip),
    application_id: application.id,
    ...(parties === undefined ? {} : partiesFields(parties)),
    ...targetFields(attempt),
    policy_version: snapshot.policyVersion,
    ...(snapshot.policySet === null ? {} : { policy_set_version_id: snapshot.policySet.setVersionId }),
    ...(ending.decisions === undefined ? {} : decisionFields(ending.decisions)),
    ...ending.more,
  }
  return createEvent({ zoneId: snapshot.zoneId, now, fields, id })
}

// By name only what the zone has: what else was sent may be anything, also a secret in the wrong field.
function targetFields({ request, snapshot }: Attempt): { readonly [field: string]: EventValue } {
  const known = request.resources.flatMap((identifier) => snapshot.resources.get(identifier) ?? [])
  const scopes = request.scopes.filter((scope) => known.some((resource) => resource.scopes.includes(scope)))
  const unknown = {
    resources: request.resources.length - known.length,
    scopes: request.scopes.length - scopes.length,
  }
  return {
    resources: known.map(({ identifier }) => identifier),
    scopes,
    ...(unknown.resources === 0 ? {} : { unknown_resources: unknown.resources }),
    ...(unknown.scopes === 0 ? {} : { unknown_scopes: unknown.scopes }),
  }
}

function partiesFields(parties: Parties): { readonly [field: string]: EventValue } {
  return {
    subject: identityField(parties.subject),
    ...(parties.actors.length === 0 ? {} : { actors: parties.actors.map(({ identity }) => identityField(identity)) }),
    session_id: parties.session.id,
  }
}

// Only people need protection from the ledger; an application is named in it.
function identityField({ kind, issuer, id }: Parties['subject']): EventValue {
  const identity: Json = issuer === undefined ? { kind, id } : { kind, issuer, id }
  return kind === 'user' ? { kind, identity: new Personal(identity) } : identity
}

function decisionFields(decisions: readonly PolicyDecision[]): { readonly [field: string]: EventValue } {
  const diagnostics = decisions.flatMap((decision) => decision.diagnostics)
  return {
    decision: decisions.every(({ kind }) => kind === 'allow') ? 'allow' : 'deny',
    determining_policies: [...new Set(decisions.flatMap(({ determining }) => determining))],
    ...(diagnostics.length === 0 ? {} : { diagnostics: new Personal(diagnostics) }),
  }
}
