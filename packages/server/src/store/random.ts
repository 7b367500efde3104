import { randomFillSync } from 'node:crypto'

const POOL_BYTES = 8192
const pool = Buffer.allocUnsafeSlow(POOL_BYTES)
let used = POOL_BYTES

/**
 * Random bytes for ids and salts, of which every request needs some: drawn from the system in large pieces, since asking
 * for sixteen bytes costs as much as asking for thousands. Each byte is handed out once. Secrets don't come from here.
 */
export function randomPooled(size: number): Buffer {
  if (used + size > POOL_BYTES) {
    randomFillSync(pool)
    used = 0
  }
  const bytes = Buffer.from(pool.subarray(used, used + size))
  // What was handed out does not stay behind.
  pool.fill(0, used, used + size)
  used += size
  return bytes
}
