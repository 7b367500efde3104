import type { Identity } from '@countersign/protocol'
import { coveringGrant } from '../authority/covering-grant.js'
import { hasOrigin, type ZoneSnapshot } from '../authority/snapshot.js'
import { BatchedRead } from '../store/batched-read.js'
import type { Db } from '../store/database.js'
import type { ActClaim, MandateClaims } from './claims.js'
import { readRevoked, readSessionStates, type SessionState } from './queries.js'

/**
 * Says whether what mandates stand on is still there: read from the database after it was asked for, many at a time,
 * and never from memory.
 */
export class Standings {
  readonly #sessions: BatchedRead<SessionState>
  readonly #revoked: BatchedRead<true>

  constructor(db: Db) {
    this.#sessions = new BatchedRead((keys) => readSessionStates(db, keys))
    this.#revoked = new BatchedRead((keys) => readRevoked(db, keys))
  }

  /** Whether a verified mandate is in force. `snapshot` must be current; `now` in milliseconds. */
  async stands(snapshot: ZoneSnapshot, claims: MandateClaims, now: number): Promise<boolean> {
    const { zoneId } = snapshot
    if (!snapshot.applications.has(claims.client_id)) return false
    const [revoked, subject, ...others] = await Promise.all([
      this.#revoked.ask(`${zoneId} ${claims.jti}`),
      ...sessionsOf(claims).map((id) => this.#sessions.ask(`${zoneId} ${id}`)),
    ])
    const isLive = (session: SessionState | undefined): session is SessionState =>
      session?.status === 'active' && now < session.expiresAt && hasOrigin(snapshot, session)
    if (revoked === true || !isLive(subject) || !others.every(isLive)) return false
    return claims.use === 'session' || isGranted(snapshot, claims, identityOf(subject), now)
  }
}

/** The sessions under a mandate, the subject's first: its own, the one it grew from, and each actor's. */
function sessionsOf(claims: MandateClaims): string[] {
  const ids = new Set([claims.sid, claims.root_sid])
  for (let act: ActClaim | undefined = claims.act; act !== undefined; act = act.act) {
    if (act.sid !== undefined) ids.add(act.sid)
  }
  return [...ids]
}

function identityOf({ kind, issuer, subject }: SessionState): Identity {
  return issuer === null ? { kind, id: subject } : { kind, issuer, id: subject }
}

/** Whether grants of today still cover every resource and scope that the mandate is for. */
function isGranted(snapshot: ZoneSnapshot, claims: MandateClaims, subject: Identity, now: number): boolean {
  const scopes = claims.scope === '' ? [] : claims.scope.split(' ')
  const covered = (resourceId: string, of: readonly string[]): boolean =>
    coveringGrant(snapshot, { applicationId: claims.client_id, subject, resourceId, scopes: of, now }) !== undefined
  const resources = audienceOf(claims).map((identifier) => snapshot.resources.get(identifier))
  return (
    resources.every(
      (resource) =>
        resource !== undefined &&
        covered(
          resource.id,
          scopes.filter((scope) => resource.scopes.includes(scope)),
        ),
    ) && scopes.every((scope) => resources.some((resource) => resource?.scopes.includes(scope)))
  )
}

/** The audience as a list. */
export function audienceOf({ aud }: MandateClaims): readonly string[] {
  return typeof aud === 'string' ? [aud] : aud
}
