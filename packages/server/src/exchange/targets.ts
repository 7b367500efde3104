import { type Identity, sameIdentity } from '@countersign/protocol'
import type { Application, Grant, Resource, ZoneSnapshot } from '../authority/snapshot.js'
import { Refusal } from './refusal.js'

/** One resource of a request, the scopes asked of it, and the grant that covers them. */
export interface Target {
  readonly resource: Resource
  readonly scopes: readonly string[]
  readonly grant: Grant
}

/**
 * The targets of a request, each within a grant. Nothing is dropped in silence: a scope no resource has, a resource
 * nobody asked a scope of, and a resource without a covering grant all refuse the whole request.
 *
 * @throws Refusal `invalid_target`, `invalid_scope` or `access_denied`
 */
export function resolveTargets(from: {
  readonly snapshot: ZoneSnapshot
  readonly application: Application
  readonly subject: Identity
  readonly resources: readonly string[]
  readonly scopes: readonly string[]
  readonly now: number
}): Target[] {
  const resources = from.resources.map((identifier) => {
    const resource = from.snapshot.resources.get(identifier)
    if (resource === undefined) {
      throw new Refusal('invalid_target', 'unknown_resource', 'a resource is not registered in this zone')
    }
    return resource
  })
  if (!from.scopes.every((scope) => resources.some((resource) => resource.scopes.includes(scope)))) {
    throw new Refusal('invalid_scope', 'unknown_scope', 'a scope belongs to none of the resources')
  }
  return resources.map((resource) => {
    const scopes = from.scopes.filter((scope) => resource.scopes.includes(scope))
    if (scopes.length === 0 && resource.scopes.length > 0) {
      throw new Refusal('invalid_scope', 'scope_missing', 'name at least one scope of each resource')
    }
    return { resource, scopes, grant: coveringGrant(from, resource, scopes) }
  })
}

function coveringGrant(
  from: { snapshot: ZoneSnapshot; application: Application; subject: Identity; now: number },
  resource: Resource,
  scopes: readonly string[],
): Grant {
  const grants = from.snapshot.grants.get(from.application.id) ?? []
  const covering = grants.filter(
    (grant) =>
      grant.resourceId === resource.id &&
      (grant.expiresAt === null || grant.expiresAt > from.now) &&
      (grant.subject === null || sameIdentity(grant.subject, from.subject)) &&
      // A label names agents registered with it; nobody else has labels that count.
      grant.label === null &&
      scopes.every((scope) => grant.scopes.includes(scope)),
  )
  // Of several the one that lasts longest, so that a grant about to end does not shorten what another allows.
  const [longest] = covering.sort(
    (a, b) => (b.expiresAt ?? Number.POSITIVE_INFINITY) - (a.expiresAt ?? Number.POSITIVE_INFINITY),
  )
  if (longest === undefined) {
    throw new Refusal('access_denied', 'no_grant', 'no grant lets this application ask for these scopes', {
      outcome: 'denied',
    })
  }
  return longest
}
