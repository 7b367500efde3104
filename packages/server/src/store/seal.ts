import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** Seals what must be readable again but never at rest: signing keys, upstream credentials, webhook secrets. */
export interface Sealer {
  /** `context` names the place the value belongs to (table, zone, id): sealed bytes moved elsewhere do not open. */
  seal(plain: Buffer, context: string): Buffer
  /** @throws Error when the bytes were changed, moved, or sealed under another key */
  open(sealed: Buffer, context: string): Buffer
}

const VERSION = 1
const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * A sealer under a key-encryption key of 32 bytes: AES-256-GCM with a random nonce.
 *
 * @see https://csrc.nist.gov/pubs/sp/800/38/d/final
 */
export function createSealer(kek: Buffer): Sealer {
  if (kek.length !== 32) throw new Error('the key-encryption key must be 32 bytes')
  return {
    seal(plain, context) {
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv('aes-256-gcm', kek, iv).setAAD(Buffer.from(context))
      const body = Buffer.concat([cipher.update(plain), cipher.final()])
      return Buffer.concat([Buffer.from([VERSION]), iv, cipher.getAuthTag(), body])
    },
    open(sealed, context) {
      if (sealed.length < 1 + IV_BYTES + TAG_BYTES || sealed[0] !== VERSION) throw new Error('not a sealed value')
      const iv = sealed.subarray(1, 1 + IV_BYTES)
      const tag = sealed.subarray(1 + IV_BYTES, 1 + IV_BYTES + TAG_BYTES)
      const decipher = createDecipheriv('aes-256-gcm', kek, iv).setAAD(Buffer.from(context)).setAuthTag(tag)
      return Buffer.concat([decipher.update(sealed.subarray(1 + IV_BYTES + TAG_BYTES)), decipher.final()])
    },
  }
}
