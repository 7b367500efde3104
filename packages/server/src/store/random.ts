import { randomFillSync } from 'node:crypto'

const POOL_BYTES = 8192
/** So many at a time: an id, or a salt. */
const PIECE_BYTES = 16
const pool = Buffer.allocUnsafeSlow(POOL_BYTES)
let used = POOL_BYTES
const piece = Buffer.alloc(PIECE_BYTES)

/**
 * Sixteen random bytes for an id or a salt, of which every request needs some, until the next are drawn: they are
 * taken from the system in large pieces, since asking for sixteen bytes costs as much as asking for thousands. Each byte
 * is handed out once, and wiped. Secrets don't come from here.
 */
export function drawRandom(): Buffer {
  if (used === POOL_BYTES) {
    randomFillSync(pool)
    used = 0
  }
  // One by one into the same piece: to cut a new one from the pool each time took three times as long.
  for (let i = 0; i < PIECE_BYTES; i++) {
    piece[i] = pool[used] as number
    pool[used++] = 0
  }
  return piece
}

/** Sixteen random bytes as base64url. */
export function randomText(): string {
  return drawRandom().toString('base64url')
}
