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
  const { request, origin, snapshot, application, now } = attempt
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
    resources: request.resources,
    scopes: request.scopes,
    policy_version: snapshot.policyVersion,
    ...(snapshot.policySet === null ? {} : { policy_set_version_id: snapshot.policySet.setVersionId }),
    ...(ending.decisions === undefined ? {} : decisionFields(ending.decisions)),
    ...ending.more,
  }
  return createEvent({ zoneId: snapshot.zoneId, now, fields, id })
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
