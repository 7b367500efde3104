import { sessionStanding } from '../authority/assurance.js'
import type { Session } from '../authority/session-anchors.js'
import { issuerOf } from '../authority/snapshot.js'
import type { MandateClaims } from '../mandate/claims.js'
import type { ResolvedChallenge } from '../policy/proof.js'
import type { Attempt } from './context.js'
import type { Parties } from './parties.js'
import { Refusal } from './refusal.js'
import type { Target } from './targets.js'

const SESSION_MANDATE_SECONDS = 3_600
const RESOURCE_MANDATE_SECONDS = 900

/** What a mandate rests on besides its session. */
export interface Support {
  readonly targets: readonly Target[]
  /** The resolved challenges this mandate uses up, the one presented first. */
  readonly used: readonly ResolvedChallenge[]
  /** When the presented challenge's life ends, in milliseconds. */
  readonly challengeExpiresAt: number | undefined
}

/**
 * The claims of the mandate a request gets. It never lives longer than anything it rests on.
 *
 * @throws Refusal `invalid_grant` when what it rests on has less than a second left
 */
export function mandateClaims(
  attempt: Attempt,
  parties: Parties,
  support: Support,
  ids: { readonly jti: string; readonly txn: string },
  baseUrl: string,
  lastUsedAt: number,
): MandateClaims {
  const { request, snapshot, now } = attempt
  const { session, subject } = parties
  const { targets, used } = support
  const issuer = issuerOf(baseUrl, snapshot.zoneId)
  const identifiers = targets.map(({ resource }) => resource.identifier)
  const isSession = targets.length === 0
  const iat = Math.floor(now / 1000)
  const [presented] = used
  const { acr, amr, authTime } = assuranceOf(attempt, session, used, lastUsedAt)
  return {
    iss: issuer,
    sub: subject.id,
    aud: isSession ? issuer : identifiers.length === 1 ? (identifiers[0] as string) : identifiers,
    exp: expiry(attempt, parties, support, iat),
    iat,
    jti: ids.jti,
    client_id: parties.application.id,
    zone_id: snapshot.zoneId,
    scope: scopeOf(targets),
    sid: session.id,
    root_sid: session.id,
    use: isSession ? 'session' : 'resource',
    sub_type: subject.kind,
    txn: ids.txn,
    target: isSession ? undefined : identifiers,
    act: parties.act,
    acr,
    amr,
    auth_time: authTime === null ? undefined : Math.floor(authTime / 1000),
    agent_session_id: request.agentSessionId,
    delegation_edge_id: request.delegationEdgeId,
    ctx:
      presented === undefined
        ? { challenge_resolved: false }
        : {
            challenge_resolved: true,
            challenge: {
              id: presented.id,
              type: presented.type,
              satisfied_at: new Date(presented.satisfiedAt).toISOString(),
            },
          },
  }
}

function scopeOf(targets: readonly Target[]): string {
  const [only] = targets
  if (only !== undefined && targets.length === 1) return only.scopes.join(' ')
  return [...new Set(targets.flatMap(({ scopes }) => scopes))].sort().join(' ')
}

function expiry(attempt: Attempt, parties: Parties, support: Support, iat: number): number {
  const most = support.targets.length === 0 ? SESSION_MANDATE_SECONDS : RESOURCE_MANDATE_SECONDS
  let exp = iat + Math.min(attempt.request.ttlSeconds ?? most, most)
  const endsBy = (end: number | null | undefined): void => {
    if (end !== undefined && end !== null) exp = Math.min(exp, Math.floor(end / 1000))
  }
  endsBy(parties.session.expiresAt)
  for (const { grant } of support.targets) endsBy(grant.expiresAt)
  // A raised session stands on its own from here on; anything else rests on the proof that was given for it.
  if (support.targets.length > 0) endsBy(support.challengeExpiresAt)
  if (exp <= iat)
    throw new Refusal('invalid_grant', 'authority_expired', 'what the mandate would rest on is about to end')
  return exp
}

// An mfa proof of this request speaks for this request alone; otherwise the session speaks.
function assuranceOf(attempt: Attempt, session: Session, used: readonly ResolvedChallenge[], lastUsedAt: number) {
  const proof = used.find(({ type, aal }) => type === 'mfa' && aal !== null)
  if (proof?.aal) return { acr: proof.aal, amr: proof.amr, authTime: proof.authTime }
  const { aal } = sessionStanding(session, attempt.snapshot.settings, attempt.now, lastUsedAt)
  return { acr: aal, amr: session.amr, authTime: session.authTime }
}
