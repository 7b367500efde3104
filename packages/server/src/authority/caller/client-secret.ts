import { hash, timingSafeEqual } from 'node:crypto'
import type { Application } from '../snapshot.js'

const NOBODY = Buffer.alloc(32)
// Used again each time: a hash in a buffer of its own takes twice as long.
const presented = Buffer.alloc(32)

/**
 * Whether a secret is one of the application's that still count. Takes the same steps whichever of them it is, and for
 * no application at all. `now` in milliseconds.
 */
export function isClientSecret(application: Application | undefined, secret: string, now: number): boolean {
  presented.write(hash('sha256', secret, 'hex'), 'hex')
  let found = false
  for (const known of application?.secrets ?? []) {
    const live = known.expiresAt === null || now < known.expiresAt
    const equal = known.hash.length === presented.length && timingSafeEqual(known.hash, presented)
    if (live && equal) found = true
  }
  if (application === undefined) timingSafeEqual(NOBODY, presented)
  return found
}
