import { createHash, timingSafeEqual } from 'node:crypto'
import type { Application } from '../snapshot.js'

const NOBODY = Buffer.alloc(32)

/**
 * Whether a secret is one of the application's that still count. Takes the same steps whichever of them it is, and for
 * no application at all. `now` in milliseconds.
 */
export function isClientSecret(application: Application | undefined, secret: string, now: number): boolean {
  const hash = createHash('sha256').update(secret).digest()
  let found = false
  for (const known of application?.secrets ?? []) {
    const live = known.expiresAt === null || now < known.expiresAt
    const equal = known.hash.length === hash.length && timingSafeEqual(known.hash, hash)
    if (live && equal) found = true
  }
  if (application === undefined) timingSafeEqual(NOBODY, hash)
  return found
}
