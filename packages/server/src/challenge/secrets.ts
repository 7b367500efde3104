import { hash, randomBytes, timingSafeEqual } from 'node:crypto'

const SECRET_BYTES = 32

/** A challenge secret: handed out once, in the pause; only its hash is stored. */
export interface ChallengeSecret {
  /** 32 random bytes, base64url. */
  readonly secret: string
  /** SHA-256 of the secret's text. */
  readonly hash: Buffer
}

/** A new secret from `random`, which gives as many random bytes as it is asked for. */
export function newSecret(random: (size: number) => Buffer = randomBytes): ChallengeSecret {
  const secret = random(SECRET_BYTES).toString('base64url')
  return { secret, hash: hashSecret(secret) }
}

/** What is stored of a secret. */
export function hashSecret(secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}

/** Whether a presented secret, by its hash, is one of those handed out. Every hash is looked at, in constant time. */
export function secretMatches(presented: Buffer, hashes: readonly Buffer[]): boolean {
  let found = false
  for (const known of hashes) {
    if (known.length === presented.length && timingSafeEqual(known, presented)) found = true
  }
  return found
}
