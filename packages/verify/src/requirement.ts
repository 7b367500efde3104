import { type Aal, isAal, meetsAal } from '@countersign/protocol'
import type { Mandate } from './mandate.js'

/** What a mandate must be for one operation. What is left out is not asked for. */
export interface Requirement {
  /** All of these. */
  readonly scopes?: readonly string[] | undefined
  /** This level or a stronger one. */
  readonly aal?: Aal | undefined
  /** The subject was authenticated at most this many seconds ago. */
  readonly maxAge?: number | undefined
}

/** A step-up demand: a level, an age, or both. */
export type StepUpRequirement =
  | { readonly aal: Aal; readonly maxAge?: number | undefined }
  | { readonly aal?: Aal | undefined; readonly maxAge: number }

/** Which part of a requirement a mandate does not meet. */
export type Shortfall = 'insufficient_scope' | 'insufficient_user_authentication' | undefined

/**
 * Looks for what a mandate lacks. Scope comes first: somebody who may not do it anyway is not sent to step up.
 *
 * @param now seconds since the epoch.
 * @param tolerance how far the issuer's clock may be ahead, in seconds.
 */
export function shortfall(mandate: Mandate, requirement: Requirement, now: number, tolerance: number): Shortfall {
  const { scopes = [], aal, maxAge } = requirement
  if (!scopes.every((scope) => mandate.scopes.includes(scope))) return 'insufficient_scope'
  if (aal !== undefined && !meetsAal(mandate.aal, aal)) return 'insufficient_user_authentication'
  if (maxAge === undefined) return undefined
  const age = now - (mandate.authTime ?? Number.NEGATIVE_INFINITY)
  return age <= maxAge && age >= -tolerance ? undefined : 'insufficient_user_authentication'
}

/**
 * Refuses a requirement that cannot be meant, when it is declared and not when a request comes.
 *
 * @throws TypeError
 */
export function checkRequirement({ scopes, aal, maxAge }: Requirement): void {
  if (scopes?.some((scope) => !/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope))) {
    throw new TypeError('A scope is one word without spaces, quotes and backslashes.')
  }
  if (aal !== undefined && !isAal(aal)) throw new TypeError('`aal` is aal1, aal2 or aal3.')
  if (maxAge !== undefined && !(Number.isSafeInteger(maxAge) && maxAge >= 0)) {
    throw new TypeError('`maxAge` is a whole number of seconds, 0 or more.')
  }
}
