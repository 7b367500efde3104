import { type Aal, type AalSource, type DecisionData, type Identity, type Json, maxAal } from '@countersign/protocol'
import { currentAal } from '../authority/assurance.js'
import { coveringGrant } from '../authority/covering-grant.js'
import type { Session } from '../authority/session-anchors.js'
import type { Grant, Resource, ZoneSnapshot } from '../authority/snapshot.js'
import type { PolicyDecision } from '../policy/decision.js'
import { evaluatePolicy, explainPolicy } from '../policy/evaluate.js'
import {
  type Mutable,
  nowInput,
  type PolicyContext,
  type PolicyInput,
  principalInput,
  sessionInput,
} from '../policy/input.js'
import type { DecisionCaller } from './caller.js'
import { type DecisionRequest, RESOURCE_TYPE } from './request.js'

/** Where the level of a decision comes from, and what it is. */
export interface Standing {
  readonly source: AalSource
  readonly aal: Aal
  /** Absent when the level is only asserted. */
  readonly session?: Session | undefined
  readonly lastUsedAt: number
}

/** What a decision is computed from; times in milliseconds. */
export interface DecisionCase {
  readonly snapshot: ZoneSnapshot
  readonly caller: DecisionCaller
  readonly subject: Identity
  readonly standing: Standing
  readonly request: DecisionRequest
  /** What the decision is called. */
  readonly id: string
  readonly now: number
  readonly traceId: string | undefined
  readonly ip: string
}

/** A decision, as policy made it and as it is answered. */
export interface Decided {
  readonly policy: PolicyDecision
  readonly data: DecisionData
}

/**
 * Decides one question. A registered resource's scope needs a grant as an exchange for it would; anything else is
 * policy's alone. A demand for a step-up is `allowed`, and not granted.
 */
export function decide(it: DecisionCase): Decided {
  const { snapshot, request, standing } = it
  const resource = registeredResource(snapshot, request)
  const isScope = resource?.scopes.includes(request.permission) === true
  const grant = isScope ? grantFor(it, resource) : undefined
  const input = decisionInput(it, resource, grant)
  const policy: PolicyDecision =
    isScope && grant === undefined ? NO_GRANT : evaluatePolicy(snapshot.policySet, input, [], it.now)
  const demand = policy.kind === 'step_up' ? policy.demands[0] : undefined
  const aal = policy.kind === 'step_up' ? strictestAal(policy) : null
  return {
    policy,
    data: {
      decision_id: it.id,
      allowed: policy.kind !== 'deny',
      policy_version: snapshot.policyVersion,
      requires_step_up: policy.kind === 'step_up',
      required_aal: aal,
      max_age: demand?.type === 'mfa' ? (demand.maxAge ?? null) : null,
      aal_source: standing.source,
      challenge_type: demand?.type ?? null,
      matched: [
        ...policy.determining.map((key) => ({ type: 'policy', key })),
        ...(grant === undefined ? [] : [{ type: 'grant', key: grant.id }]),
      ],
      explanation: request.explain ? explanation(it, input, policy) : [],
    },
  }
}

const NO_GRANT: PolicyDecision = {
  kind: 'deny',
  status: 'complete',
  determining: [],
  diagnostics: [{ message: 'no grant lets this application ask for this scope' }],
}

// Under whichever type and by whichever of its two names it is asked about: a grant bounds it all the same.
function registeredResource(snapshot: ZoneSnapshot, { resource }: DecisionRequest): Resource | undefined {
  if (resource === undefined) return undefined
  return snapshot.resources.get(resource.id) ?? snapshot.resourcesById.get(resource.id)
}

function grantFor({ snapshot, caller, subject, request, now }: DecisionCase, resource: Resource): Grant | undefined {
  const scopes = [request.permission]
  return coveringGrant(snapshot, {
    applicationId: caller.application.id,
    subject,
    resourceId: resource.id,
    scopes,
    now,
  })
}

function decisionInput(it: DecisionCase, resource: Resource | undefined, grant: Grant | undefined): PolicyInput {
  const { snapshot, request, standing, now } = it
  const about = request.resource
  const context: Mutable<PolicyContext> = {
    ...request.context,
    requested_scopes: resource?.scopes.includes(request.permission) === true ? [request.permission] : [],
    challenge_resolved: false,
    now: nowInput(now),
    ip: it.ip,
  }
  if (it.traceId !== undefined) context.trace_id = it.traceId
  if (standing.session !== undefined) context.session_id = standing.session.id
  const input: Mutable<PolicyInput> = {
    schema_version: '1',
    principal: principalInput(snapshot, it.subject),
    resource:
      resource === undefined
        ? { type: about?.type ?? RESOURCE_TYPE, id: about?.id ?? '', identifier: about?.id ?? '', scopes: [] }
        : { type: RESOURCE_TYPE, id: resource.id, identifier: resource.identifier, scopes: resource.scopes },
    action: { id: request.permission },
    session: policySession(it),
    context,
  }
  if (grant !== undefined) input.grant = { id: grant.id, scopes: grant.scopes }
  return input
}

// A level that is only asserted says nothing of when: an age demanded of it is never met.
function policySession({ snapshot, subject, standing, now }: DecisionCase): NonNullable<PolicyInput['session']> {
  const { session, aal, lastUsedAt } = standing
  if (session !== undefined) return sessionInput(snapshot, session, now, lastUsedAt)
  return { id: '', kind: subject.kind, aal, amr: [], expires_at: nowInput(now) }
}

function strictestAal(policy: PolicyDecision & { kind: 'step_up' }): Aal | null {
  const levels = policy.demands.flatMap((demand) => (demand.type === 'mfa' ? [demand.aal] : []))
  return levels.length === 0 ? null : levels.reduce(maxAal)
}

function explanation(it: DecisionCase, input: PolicyInput, policy: PolicyDecision): string[] {
  const said = policy.diagnostics.map((diagnostic: Json) => `policy: ${JSON.stringify(diagnostic)}`)
  return [...said, ...explainPolicy(it.snapshot.policySet, input, it.now)]
}

/** The level a session has now, with where it comes from. */
export function sessionStandingOf(
  snapshot: ZoneSnapshot,
  session: Session,
  source: AalSource,
  lastUsedAt: number,
  now: number,
): Standing {
  const { aal, authTime } = session
  return { source, aal: currentAal({ aal, authTime, lastUsedAt }, snapshot.settings, now), session, lastUsedAt }
}
