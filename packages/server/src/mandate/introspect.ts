import type { Application, ZoneSnapshot } from '../authority/snapshot.js'
import type { MandateClaims } from './claims.js'
import type { TokenQuestion } from './oauth-request.js'
import { audienceOf, type Standings } from './standing.js'
import { verifyMandate } from './verify.js'

/** What introspection answers. */
export type Introspection =
  | { readonly active: false }
  | ({ readonly active: true; readonly token_type: 'Bearer' } & MandateClaims)

const INACTIVE: Introspection = { active: false }

/**
 * What a mandate says, while it is in force, to those whom it concerns: whoever holds it, and whoever serves a resource
 * that it is for. To everybody else it is not active, exactly like a token that never was.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7662#section-2.2
 */
export async function introspect(
  deps: { readonly baseUrl: string; readonly standings: Standings },
  { snapshot, application, token, now }: TokenQuestion,
): Promise<Introspection> {
  const mandate = await verifyMandate(snapshot, deps.baseUrl, token, now)
  if (mandate.kind === 'refused') return INACTIVE
  const { claims } = mandate
  if (!concerns(snapshot, application, claims)) return INACTIVE
  if (!(await deps.standings.stands(snapshot, claims, now))) return INACTIVE
  return { active: true, token_type: 'Bearer', ...claims }
}

function concerns(snapshot: ZoneSnapshot, application: Application, claims: MandateClaims): boolean {
  if (claims.client_id === application.id) return true
  if (claims.use !== 'resource') return false
  return audienceOf(claims).some((identifier) => snapshot.resources.get(identifier)?.servedBy === application.id)
}
