import { type Identity, sameIdentity } from '@countersign/protocol'
import type { Grant, ZoneSnapshot } from './snapshot.js'

/** What has to be within a grant; `now` in milliseconds. */
export interface Asked {
  readonly applicationId: string
  readonly subject: Identity
  readonly resourceId: string
  readonly scopes: readonly string[]
  readonly now: number
}

/**
 * The grant that covers what is asked, all of it; undefined when there is none. Of several the one that lasts longest, so
 * that one about to end does not shorten what another allows.
 */
export function coveringGrant(snapshot: ZoneSnapshot, asked: Asked): Grant | undefined {
  let longest: Grant | undefined
  for (const grant of snapshot.grants.get(asked.applicationId) ?? []) {
    if (covers(grant, asked) && (longest === undefined || end(grant) > end(longest))) longest = grant
  }
  return longest
}

function covers(grant: Grant, asked: Asked): boolean {
  return (
    grant.resourceId === asked.resourceId &&
    end(grant) > asked.now &&
    (grant.subject === null || sameIdentity(grant.subject, asked.subject)) &&
    // A label names agents that are registered with it, and nobody else has one.
    grant.label === null &&
    asked.scopes.every((scope) => grant.scopes.includes(scope))
  )
}

function end(grant: Grant): number {
  return grant.expiresAt ?? Number.POSITIVE_INFINITY
}
