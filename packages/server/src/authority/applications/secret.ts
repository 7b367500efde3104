import { randomBytes } from 'node:crypto'
import { sha256 } from '../admin-tokens/authenticate.js'

/** A new secret of 256 random bits, and what is stored of it. The prefix lets scanners recognise a leaked one. */
export function newClientSecret(random: (size: number) => Buffer = randomBytes): { secret: string; hash: Buffer } {
  const secret = `cscs_${random(32).toString('base64url')}`
  return { secret, hash: sha256(secret) }
}
