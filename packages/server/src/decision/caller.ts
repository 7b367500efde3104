import { authenticateCaller } from '../authority/caller/authenticate.js'
import { parseBasic } from '../authority/caller/basic.js'
import type { Session, SessionAnchors } from '../authority/session-anchors.js'
import { type Application, issuerOf, type ZoneSnapshot } from '../authority/snapshot.js'
import { ProblemError } from '../http/problem.js'
import { verifyMandate } from '../mandate/verify.js'

/** Who asks: an application, about anybody, or a session, about itself alone. */
export type DecisionCaller =
  | { readonly kind: 'application'; readonly application: Application }
  | { readonly kind: 'session'; readonly application: Application; readonly session: Session }

export interface CallerDeps {
  readonly sessions: SessionAnchors
  readonly baseUrl: string
}

/**
 * Authenticates who asks for a decision: an application by its secret (HTTP Basic), or the holder of a session mandate.
 *
 * @throws ProblemError 401 `invalid_client` or `invalid_token`
 */
export async function authenticateDecisionCaller(
  deps: CallerDeps,
  snapshot: ZoneSnapshot,
  authorization: string | undefined,
  now: number,
): Promise<DecisionCaller> {
  const token = bearerOf(authorization)
  if (token !== undefined) return sessionCaller(deps, snapshot, token, now)
  const caller = await authenticateCaller({
    snapshot,
    basic: parseBasic(authorization),
    clientId: undefined,
    clientSecret: undefined,
    assertion: undefined,
    assertionType: undefined,
    issuer: issuerOf(deps.baseUrl, snapshot.zoneId),
    now,
  })
  if (caller.kind === 'authenticated') return { kind: 'application', application: caller.application }
  throw new ProblemError(
    401,
    'invalid_client',
    'send the application id and secret as HTTP Basic, or a session mandate as a bearer',
    {
      headers: { 'www-authenticate': 'Basic realm="countersign", charset="UTF-8"' },
    },
  )
}

/** The token of an `Authorization: Bearer` header. @see https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
export function bearerOf(authorization: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
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

async function sessionCaller(
  deps: CallerDeps,
  snapshot: ZoneSnapshot,
  token: string,
  now: number,
): Promise<DecisionCaller> {
  const verified = await verifyMandate(snapshot, deps.baseUrl, token, now)
  if (verified.kind === 'refused' || verified.claims.use !== 'session') throw invalidToken()
  const { claims } = verified
  const application = snapshot.applications.get(claims.client_id)
  const session = await deps.sessions.live(snapshot.zoneId, claims.sid, now)
  // A delegated session speaks for its subject only through its actor, which a decision about the subject cannot show.
  if (application === undefined || session === undefined || claims.act !== undefined) throw invalidToken()
  return { kind: 'session', application, session }
}

function invalidToken(): ProblemError {
  return new ProblemError(401, 'invalid_token', 'the bearer is not a live session mandate of this zone', {
    headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
  })
}
