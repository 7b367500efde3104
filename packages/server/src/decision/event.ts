import type { ZoneSnapshot } from '../authority/snapshot.js'
import { createEvent, type LedgerEvent, Personal } from '../ledger/event.js'
import type { DecisionCaller } from './caller.js'
import type { Decided } from './decide.js'
import type { DecisionOrigin } from './decision-point.js'
import type { DecisionRequest } from './request.js'
import type { Subject } from './standing.js'

/** A question with everything that its answer was computed from. */
export interface Answer {
  readonly origin: DecisionOrigin
  readonly snapshot: ZoneSnapshot
  readonly caller: DecisionCaller
  readonly subject: Subject
  readonly request: DecisionRequest
  readonly decided: Decided
}

/** The event of a decision; its id is the `decision_id` that was answered. */
export function decisionEvent(of: Answer, now: number): LedgerEvent {
  const { origin, snapshot, caller, subject, request, decided } = of
  const { policy, data } = decided
  const { session, aal } = subject.standing
  const fields = {
    type: 'decision',
    outcome: policy.kind === 'allow' ? 'recorded' : 'denied',
    evaluation_status: policy.status,
    request_id: origin.requestId,
    ...(origin.traceId === undefined ? {} : { trace_id: origin.traceId }),
    ip: new Personal(origin.ip),
    application_id: caller.application.id,
    subject: { kind: subject.identity.kind, identity: new Personal({ ...subject.identity }) },
    ...(session === undefined ? {} : { session_id: session.id }),
    permission: request.permission,
    ...(request.resource === undefined ? {} : { resource: new Personal({ ...request.resource }) }),
    aal,
    aal_source: data.aal_source,
    decision: policy.kind === 'allow' ? 'allow' : 'deny',
    requires_step_up: data.requires_step_up,
    ...(data.required_aal === null ? {} : { required_aal: data.required_aal }),
    determining_policies: policy.determining,
    ...(policy.diagnostics.length === 0 ? {} : { diagnostics: new Personal(policy.diagnostics) }),
    policy_version: data.policy_version,
  } as const
  return createEvent({ zoneId: snapshot.zoneId, now, fields, id: data.decision_id })
}
