import { authenticateCaller } from '../authority/caller/authenticate.js'
import { parseBasic } from '../authority/caller/basic.js'
import type { Session, SessionAnchors } from '../authority/session-anchors.js'
import { type Application, hasOrigin, issuerOf, type ZoneSnapshot } from '../authority/snapshot.js'
import { bearerOf } from '../http/bearer.js'
import { ProblemError } from '../http/problem.js'
import { verifyMandate } from '../mandate/verify.js'
import { andThen, type Eventual } from '../store/eventual.js'

/** Who asks: an application, about anybody, or a session, about itself alone. */
export type DecisionCaller =
  | { readonly kind: 'application'; readonly application: Application }
  | { readonly kind: 'session'; readonly application: Application; readonly session: Session }

/** A caller that is not authenticated: the answer, and the reason for the ledger, which the caller is not told. */
export interface UnknownCaller {
  readonly kind: 'unknown'
  readonly problem: ProblemError
  readonly reason: string
}

export interface CallerDeps {
  readonly sessions: SessionAnchors
  readonly baseUrl: string
}

/**
 * Says who asks for a decision: an application by its secret (HTTP Basic), or the holder of a session mandate. `now` in
 * milliseconds.
 */
export function authenticateDecisionCaller(
  deps: CallerDeps,
  snapshot: ZoneSnapshot,
  authorization: string | undefined,
  now: number,
): Eventual<DecisionCaller | UnknownCaller> {
  const token = bearerOf(authorization)
  if (token !== undefined) return sessionCaller(deps, snapshot, token, now)
  const issuer = issuerOf(deps.baseUrl, snapshot.zoneId)
  return andThen(authenticateCaller({ snapshot, basic: parseBasic(authorization), issuer, now }), (caller) =>
    caller.kind === 'authenticated'
      ? { kind: 'application', application: caller.application }
      : { kind: 'unknown', problem: invalidClient(), reason: caller.reason },
  )
}

/** The zone that a token says it is of, before anything of it is verified. */
export function zoneClaimOf(token: string): string | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
    const zoneId = typeof claims === 'object' && claims !== null && 'zone_id' in claims ? claims.zone_id : undefined
    return typeof zoneId === 'string' ? zoneId : undefined
  } catch {
    return undefined
  }
}

function sessionCaller(
  deps: CallerDeps,
  snapshot: ZoneSnapshot,
  token: string,
  now: number,
): Eventual<DecisionCaller | UnknownCaller> {
  return andThen(verifyMandate(snapshot, deps.baseUrl, token, now), (verified) => {
    if (verified.kind === 'refused') return unknownSession(verified.reason)
    const { claims } = verified
    // A delegated session speaks for its subject only through its actor, which a decision about the subject cannot show.
    if (claims.use !== 'session' || claims.act !== undefined) return unknownSession('not_a_session_mandate')
    const application = snapshot.applications.get(claims.client_id)
    return andThen(deps.sessions.live(snapshot.zoneId, claims.sid, now), (session) => {
      if (application === undefined || session === undefined || !hasOrigin(snapshot, session)) {
        return unknownSession('dead_session')
      }
      return { kind: 'session', application, session }
    })
  })
}

function unknownSession(reason: string): UnknownCaller {
  return { kind: 'unknown', problem: invalidToken(), reason }
}

/** 401: neither an application's secret nor a session mandate. */
export function invalidClient(): ProblemError {
  return new ProblemError(
    401,
    'invalid_client',
    'send the application id and secret as HTTP Basic, or a session mandate as a bearer',
    { headers: { 'www-authenticate': 'Basic realm="countersign", charset="UTF-8"' } },
  )
}

/** 401: a bearer that is no session mandate, or one whose session has ended. */
export function invalidToken(): ProblemError {
  return new ProblemError(401, 'invalid_token', 'the bearer is not a live session mandate of this zone', {
    headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
  })
}
