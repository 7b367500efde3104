/** `crypto.md5`, `sha1`, `sha256`, `hmac.*` and private keys; certificates are in `unsupported.ts`. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { type Builtin, builtin, stringOperand, T } from '../builtins-api.js'
import { toBytes } from './go/bytes.js'

function hash(algorithm: string): Builtin {
  return builtin(`crypto.${algorithm}`, [T.string], T.string, (_, text) =>
    createHash(algorithm)
      .update(toBytes(stringOperand(text, 1)))
      .digest('hex'),
  )
}

function hmac(algorithm: string): Builtin {
  return builtin(`crypto.hmac.${algorithm}`, [T.string, T.string], T.string, (_, text, key) => {
    const message = toBytes(stringOperand(text, 1))
    return createHmac(algorithm, toBytes(stringOperand(key, 2)))
      .update(message)
      .digest('hex')
  })
}

export const crypto: readonly Builtin[] = [
  hash('md5'),
  hash('sha1'),
  hash('sha256'),
  hmac('md5'),
  hmac('sha1'),
  hmac('sha256'),
  hmac('sha512'),
  builtin('crypto.hmac.equal', [T.string, T.string], T.boolean, (_, one, other) => {
    const left = toBytes(stringOperand(one, 1))
    const right = toBytes(stringOperand(other, 2))
    return left.length === right.length && timingSafeEqual(left, right)
  }),
]
