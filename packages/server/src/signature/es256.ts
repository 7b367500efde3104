import { type KeyObject, sign, verify } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { Eventual } from '../store/eventual.js'
import { SignatureThread } from './signature-thread.js'

// ES256: ECDSA on P-256 with SHA-256, R and S side by side (RFC 7518 section 3.4) instead of the DER that is node:crypto's own.

const SIGNATURE_BYTES = 64

// With one processor another thread only takes turns with this one. Like node:crypto's pool it is the process's, and ends with it.
const isAlone = availableParallelism() === 1
let thread: SignatureThread | undefined

function shared(): SignatureThread | undefined {
  if (!isAlone) thread ??= new SignatureThread()
  return thread
}

/**
 * Makes a signature, in base64url.
 *
 * @param input a text of ASCII, as what a JWS signs is
 * @returns at once, or when a thread that this one shares the work with has made it
 * @throws Error for a key that is no private key on P-256
 * @example
 * ```ts
 * const signature = await signEs256(privateKey, `${header}.${payload}`)
 * ```
 * @see https://www.rfc-editor.org/rfc/rfc7518#section-3.4
 */
export function signEs256(key: KeyObject, input: string): Eventual<string> {
  const here = (): string => sign('sha256', Buffer.from(input), es256(key)).toString('base64url')
  return shared()?.sign(key, input, here) ?? here()
}

/**
 * Verifies a signature off this thread.
 *
 * @param input a text of ASCII
 * @returns false for a signature that does not verify, whatever is wrong with it
 * @see https://www.rfc-editor.org/rfc/rfc7518#section-3.4
 */
export function verifyEs256(key: KeyObject, input: string, signature: Buffer): Promise<boolean> {
  if (signature.length !== SIGNATURE_BYTES) return Promise.resolve(false)
  const inPool = (): Promise<boolean> =>
    new Promise((resolve) => {
      verify('sha256', Buffer.from(input), es256(key), signature, (error, valid) => resolve(error === null && valid))
    })
  return shared()?.verify(key, input, signature, inPool) ?? inPool()
}

function es256(key: KeyObject) {
  return { key, dsaEncoding: 'ieee-p1363' as const }
}
