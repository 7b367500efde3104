/** Authenticator assurance levels, weakest first (NIST SP 800-63B-4). */
export const AALS = ['aal1', 'aal2', 'aal3'] as const

/** An authenticator assurance level. @see https://pages.nist.gov/800-63-4/sp800-63b.html */
export type Aal = (typeof AALS)[number]

/** Whether an unknown value names an assurance level, exactly as written on the wire. */
export function isAal(value: unknown): value is Aal {
  return value === 'aal1' || value === 'aal2' || value === 'aal3'
}

/** Orders two levels: negative when `a` is weaker than `b`, 0 when equal, positive when stronger. */
export function compareAal(a: Aal, b: Aal): number {
  return AALS.indexOf(a) - AALS.indexOf(b)
}

/**
 * Whether `have` is at least as strong as `need`.
 *
 * @example
 * ```ts
 * meetsAal('aal3', 'aal2') // true
 * ```
 */
export function meetsAal(have: Aal, need: Aal): boolean {
  return compareAal(have, need) >= 0
}

/** The stronger of two levels. */
export function maxAal(a: Aal, b: Aal): Aal {
  return compareAal(a, b) >= 0 ? a : b
}
