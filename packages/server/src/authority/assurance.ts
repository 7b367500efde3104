import { type Aal, maxAal, meetsAal } from '@countersign/protocol'
import type { ZoneSettings } from '../store/tables.js'

/** How long a level lasts, in seconds: since authentication, and since the session was last used. */
interface Limit {
  readonly age: number
  readonly idle: number
}

const HOUR = 3600

/** What a session was seen to prove, and when; instants in milliseconds. */
export interface ProvedAssurance {
  readonly aal: Aal
  readonly authTime: number | null
  readonly lastUsedAt: number
}

/**
 * The level a session has *now*: what was verified, less what has lapsed. aal2 lasts 24 hours and 1 hour idle, aal3
 * 12 hours and 15 minutes idle, unless the zone sets less.
 *
 * @see https://pages.nist.gov/800-63-4/sp800-63b.html#reauthentication
 * @example
 * ```ts
 * currentAal({ aal: 'aal2', authTime: now - 25 * 3_600_000, lastUsedAt: now }, {}, now) // 'aal1'
 * ```
 */
export function currentAal(proved: ProvedAssurance, settings: ZoneSettings, now: number): Aal {
  if (proved.aal === 'aal1' || proved.authTime === null) return 'aal1'
  const limits = settings.assurance ?? {}
  const aal2 = limit(24 * HOUR, HOUR, limits.aal2_max_age, limits.aal2_max_idle)
  const aal3 = limit(12 * HOUR, HOUR / 4, limits.aal3_max_age, limits.aal3_max_idle)
  const age = (now - proved.authTime) / 1000
  // To authenticate is to use.
  const idle = (now - Math.max(proved.lastUsedAt, proved.authTime)) / 1000
  const stands = (of: Limit): boolean => age <= of.age && idle <= of.idle
  if (proved.aal === 'aal3' && stands(aal3)) return 'aal3'
  return stands(aal2) ? 'aal2' : 'aal1'
}

/** Whether a level has lapsed because the session was not used: then using it does not bring the level back. */
export function hasLapsedIdle(proved: ProvedAssurance, settings: ZoneSettings, now: number): boolean {
  const { aal, authTime } = proved
  return currentAal(proved, settings, now) !== currentAal({ aal, authTime, lastUsedAt: now }, settings, now)
}

// A zone may tighten what the standard allows, never loosen it.
function limit(age: number, idle: number, zoneAge: number | undefined, zoneIdle: number | undefined): Limit {
  return { age: Math.min(age, zoneAge ?? age), idle: Math.min(idle, zoneIdle ?? idle) }
}

/** What a session counts for now: its level, and how many whole seconds ago its user authenticated, if ever. */
export function sessionStanding(
  session: { readonly aal: Aal; readonly authTime: number | null },
  settings: ZoneSettings,
  now: number,
  lastUsedAt: number,
): { readonly aal: Aal; readonly age: number | undefined } {
  const { aal, authTime } = session
  return {
    aal: currentAal({ aal, authTime, lastUsedAt }, settings, now),
    age: authTime === null ? undefined : Math.max(0, Math.floor((now - authTime) / 1000)),
  }
}

/** What a token of an issuer says of an authentication. */
export interface TokenAssurance {
  readonly aal: Aal
  readonly acr: string | null
  readonly amr: readonly string[]
  readonly authTime: number | null
}

/** A session's assurance after a fresher token or proof: never lower than it was. Undefined when nothing is gained. */
export function raisedAssurance(held: TokenAssurance, fresh: TokenAssurance): TokenAssurance | undefined {
  const stronger = maxAal(held.aal, fresh.aal) !== held.aal
  const later = fresh.aal === held.aal && (fresh.authTime ?? 0) > (held.authTime ?? 0)
  return stronger || later ? fresh : undefined
}

/**
 * Whether a token tells of the authentication that a session stands on, or of an earlier one. However fresh, such a token
 * brings back no level that has lapsed since.
 */
export function tellsNothingNew(held: TokenAssurance, fresh: TokenAssurance): boolean {
  const later = (fresh.authTime ?? 0) - (held.authTime ?? 0)
  return later < 0 || (later === 0 && fresh.acr === held.acr && fresh.amr.join('\0') === held.amr.join('\0'))
}

// An authentication service's clock may be behind the database's.
const BEHIND_MS = 60_000

/**
 * What an authentication lacks of what is demanded of it: a higher level, to be `maxAge` seconds old at most, or, when
 * the demand is to authenticate `again`, to be later than `challengedAt`. Instants in milliseconds.
 */
export function shortfall(
  authentication: { readonly aal: Aal; readonly authTime: number },
  demand: { readonly aal: Aal; readonly maxAge?: number | undefined; readonly again: boolean },
  challengedAt: number,
  now: number,
): 'level' | 'novelty' | 'recency' | undefined {
  const { aal, authTime } = authentication
  if (!meetsAal(aal, demand.aal)) return 'level'
  if (demand.again && authTime < challengedAt - BEHIND_MS) return 'novelty'
  return demand.maxAge !== undefined && authTime < now - demand.maxAge * 1000 ? 'recency' : undefined
}
