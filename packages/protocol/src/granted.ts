/**
 * The one rule: an answer permits only when it allows *and* asks for nothing more.
 *
 * @example
 * ```ts
 * isGranted({ allowed: true, requires_step_up: true }) // false: allowed, but only after stronger proof
 * ```
 */
export function isGranted(decision: { readonly allowed: boolean; readonly requires_step_up: boolean }): boolean {
  return decision.allowed === true && decision.requires_step_up === false
}
