import { randomFillSync } from 'node:crypto'

const POOL_BYTES = 8192
const pool = Buffer.allocUnsafeSlow(POOL_BYTES)
let used = POOL_BYTES

/**
 * Passes random bytes for ids and salts, of which every request needs some, to a function that must not keep them: they are
 * drawn from the system in large pieces, since asking for sixteen bytes costs as much as asking for thousands. Each byte
 * is handed out once, and wiped. Secrets don't come from here.
 */
export function withRandom<T>(size: number, use: (bytes: Buffer) => T): T {
  if (used + size > POOL_BYTES) {
    randomFillSync(pool)
    used = 0
  }
  const bytes = pool.subarray(used, used + size)
  used += size
  const made = use(bytes)
  bytes.fill(0)
  return made
}

/** So many random bytes as base64url. */
export function randomText(size: number): string {
  return withRandom(size, (bytes) => bytes.toString('base64url'))
}
