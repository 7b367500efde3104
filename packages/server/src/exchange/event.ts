import { type ChallengeType, canonicalJson, type Identity, type Json } from '@countersign/protocol'
import type { ActivePolicySet, Application, Resource, ZoneSnapshot } from '../authority/snapshot.js'
import { type EventOutcome, type LedgerEvent, Openings, sealEvent } from '../ledger/event.js'
import type { MandateClaims } from '../mandate/claims.js'
import type { PolicyDecision } from '../policy/decision.js'
import type { RequestOrigin } from './context.js'
import type { Parties } from './parties.js'
import type { Refusal } from './refusal.js'
import type { TokenRequest } from './request.js'

/** What an event says of every request. `now` in milliseconds. */
export interface Asked {
  readonly request: Pick<TokenRequest, 'resources' | 'scopes'>
  readonly origin: Pick<RequestOrigin, 'requestId' | 'ip' | 'traceId'>
  readonly snapshot: Pick<ZoneSnapshot, 'zoneId' | 'policyVersion'> & {
    readonly policySet: Pick<ActivePolicySet, 'setVersionId'> | null
    readonly resources: ReadonlyMap<string, Pick<Resource, 'identifier' | 'scopes'>>
  }
  readonly application: Pick<Application, 'id'>
  readonly now: number
}

/** What is said of a request's end beyond what every event of an exchange says. Instants in seconds. */
export interface Ending {
  readonly outcome: EventOutcome
  readonly evaluationStatus: string
  readonly parties?: Known | undefined
  readonly decisions?: readonly PolicyDecision[] | undefined
  readonly mandate?: Pick<MandateClaims, 'use' | 'jti' | 'iat' | 'exp'> | undefined
  /** The challenges the mandate uses up. */
  readonly challengeIds?: readonly string[] | undefined
  /** The `txn` of the mandate that is handed out again. */
  readonly recovers?: string | undefined
  readonly pause?: { readonly challengeId: string; readonly type: ChallengeType } | undefined
  readonly refusal?: Pick<Refusal, 'error' | 'reason' | 'options'> | undefined
}

type Known = Pick<Parties, 'subject'> & {
  readonly actors: readonly { readonly identity: Identity }[]
  readonly session: { readonly id: string }
}

/** The one terminal event of a request. What identifies a person stands in it as a commitment. */
export function exchangeEvent(asked: Asked, id: string, ending: Ending): LedgerEvent {
  const { origin, snapshot, application, now } = asked
  const { parties, decisions, mandate, pause, refusal } = ending
  const { zoneId, policySet, policyVersion } = snapshot
  const { resources, scopes, unknownResources, unknownScopes } = namedTargets(asked)
  const openings = new Openings()
  // Written as it is to stand, in canonical order: to have the members of an object sorted and written took 4 % of an exchange.
  const canonical =
    '{' +
    optional('actors', parties && actorsJson(parties, openings)) +
    `"application_id":"${application.id}",` +
    optional('cause', json(refusal?.options.cause)) +
    optional('challenge_id', json(pause?.challengeId)) +
    optional('challenge_ids', json(ending.challengeIds)) +
    optional('challenge_type', json(pause?.type)) +
    (decisions === undefined ? '' : decisionMembers(decisions, openings)) +
    optional('error', json(refusal?.error)) +
    `"evaluation_status":${canonicalJson(ending.evaluationStatus)},` +
    (mandate === undefined ? '' : `"expires_at":${mandate.exp},`) +
    `"id":"${id}",` +
    `"ip":${openings.commit('/ip', canonicalJson(origin.ip))},` +
    (mandate === undefined ? '' : `"issued_at":${mandate.iat},"jti":"${mandate.jti}",`) +
    `"outcome":"${ending.outcome}",` +
    (policySet === null ? '' : `"policy_set_version_id":"${policySet.setVersionId}",`) +
    `"policy_version":${policyVersion},` +
    optional('reason', json(refusal?.reason)) +
    optional('recovers', json(ending.recovers)) +
    `"request_id":${canonicalJson(origin.requestId)},` +
    `"resources":${canonicalJson(resources)},"scopes":${canonicalJson(scopes)},` +
    (parties === undefined
      ? ''
      : `"session_id":"${parties.session.id}","subject":${identityJson(parties.subject, '/subject', openings)},`) +
    `"time":"${new Date(now).toISOString()}",` +
    optional('trace_id', json(origin.traceId)) +
    '"type":"token_exchange",' +
    optional('unknown_resources', json(unknownResources || undefined)) +
    optional('unknown_scopes', json(unknownScopes || undefined)) +
    (mandate === undefined ? '' : `"use":"${mandate.use}",`) +
    `"v":1,"zone_id":"${zoneId}"}`
  return sealEvent({ id, zoneId, canonical, openings })
}

// A member, and the comma before the next; nothing for one that is absent.
function optional(name: string, json: string | undefined): string {
  return json === undefined ? '' : `"${name}":${json},`
}

function json(value: Json | undefined): string | undefined {
  return value === undefined ? undefined : canonicalJson(value)
}

// By name only what the zone has: what else was sent may be anything, also a secret in the wrong field.
function namedTargets({ request, snapshot }: Asked) {
  const known: Pick<Resource, 'identifier' | 'scopes'>[] = []
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

function decisionMembers(decisions: readonly PolicyDecision[], openings: Openings): string {
  const decision = decisions.every(({ kind }) => kind === 'allow') ? 'allow' : 'deny'
  const determining = [...new Set(decisions.flatMap((each) => each.determining))]
  const diagnostics = decisions.flatMap((each) => each.diagnostics)
  const noted = diagnostics.length === 0 ? undefined : openings.commit('/diagnostics', canonicalJson(diagnostics))
  return `"decision":"${decision}","determining_policies":${canonicalJson(determining)},${optional('diagnostics', noted)}`
}

function actorsJson({ actors }: Known, openings: Openings): string | undefined {
  if (actors.length === 0) return undefined
  return `[${actors.map(({ identity }, n) => identityJson(identity, `/actors/${n}`, openings)).join(',')}]`
}

// Only people need protection from the ledger; an application is named in it.
function identityJson({ kind, issuer, id }: Identity, path: string, openings: Openings): string {
  const identity = `{"id":${canonicalJson(id)},${optional('issuer', json(issuer))}"kind":"${kind}"}`
  return kind === 'user' ? `{"identity":${openings.commit(`${path}/identity`, identity)},"kind":"user"}` : identity
}
