import type { TokenClaims } from '@countersign/client/verify-token'
import { type Aal, isAal } from '@countersign/protocol'

/** Who acts for the subject of a mandate, and for whom that one acts in turn. */
export interface Actor {
  readonly subject: string
  readonly clientId: string | undefined
  /** The session the actor stands on. */
  readonly sessionId: string | undefined
  readonly actsFor: Actor | undefined
}

/** A verified mandate: what a resource server may rely on. Times are in seconds since the epoch. */
export interface Mandate {
  readonly id: string
  readonly issuer: string
  readonly subject: string
  readonly clientId: string
  readonly zoneId: string
  readonly scopes: readonly string[]
  readonly use: 'session' | 'resource'
  /** The level the subject was authenticated at; `aal1` when the mandate does not say. */
  readonly aal: Aal
  readonly amr: readonly string[]
  /** When the subject was authenticated; `undefined` when the mandate does not say. */
  readonly authTime: number | undefined
  readonly issuedAt: number
  readonly expiresAt: number
  readonly sessionId: string
  readonly rootSessionId: string
  readonly agentSessionId: string | undefined
  readonly delegationEdgeId: string | undefined
  /** Whoever presents the mandate for the subject, outermost first. */
  readonly actor: Actor | undefined
  /** Every claim, as it came. */
  readonly claims: TokenClaims
}

/** The mandate that verified claims make, or `undefined` when what every mandate has is missing. */
export function mandateOfClaims(claims: TokenClaims): Mandate | undefined {
  const { jti, sub, client_id, zone_id, sid, use, iat, acr } = claims
  if (!jti || !sub || !client_id || !zone_id || !sid || iat === undefined) return undefined
  if (use !== 'session' && use !== 'resource') return undefined
  return Object.freeze({
    id: jti,
    issuer: claims.iss,
    subject: sub,
    clientId: client_id,
    zoneId: zone_id,
    scopes: Object.freeze((claims.scope ?? '').split(' ').filter(Boolean)),
    use,
    aal: isAal(acr) ? acr : 'aal1',
    amr: Object.freeze([...(claims.amr ?? [])]),
    authTime: claims.auth_time,
    issuedAt: iat,
    expiresAt: claims.exp,
    sessionId: sid,
    rootSessionId: claims.root_sid ?? sid,
    agentSessionId: claims.agent_session_id,
    delegationEdgeId: claims.delegation_edge_id,
    actor: actorOf(claims.act),
    claims,
  })
}

function actorOf(act: unknown): Actor | undefined {
  if (typeof act !== 'object' || act === null) return undefined
  const { sub, client_id, sid, act: inner } = act as { readonly [claim: string]: unknown }
  if (typeof sub !== 'string') return undefined
  return Object.freeze({
    subject: sub,
    clientId: typeof client_id === 'string' ? client_id : undefined,
    sessionId: typeof sid === 'string' ? sid : undefined,
    actsFor: actorOf(inner),
  })
}
