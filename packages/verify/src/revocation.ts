import type { Mandate } from './mandate.js'

/**
 * Says whether a mandate whose signature is good has been revoked meanwhile. Rejecting means that it cannot be said, and
 * refuses the request with 503.
 *
 * @param token the mandate as it came, for those who ask the service about it.
 */
export type RevocationCheck = (mandate: Mandate, token: string) => boolean | Promise<boolean>
