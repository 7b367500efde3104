import type { Identity } from '@countersign/protocol'
import { coveringGrant } from '../authority/covering-grant.js'
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
    const { application, subject, now } = from
    const asked = { applicationId: application.id, subject, resourceId: resource.id, scopes, now }
    const grant = coveringGrant(from.snapshot, asked)
    if (grant === undefined) {
      throw new Refusal('access_denied', 'no_grant', 'no grant lets this application ask for these scopes', {
        outcome: 'denied',
      })
    }
    return { resource, scopes, grant }
  })
}
