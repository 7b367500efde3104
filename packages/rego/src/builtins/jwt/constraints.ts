/** What `io.jwt.decode_verify` asks of a token. */
import { createSecretKey } from 'node:crypto'
import { BuiltinError } from '../../builtins-api.js'
import { compareNumbers, isNumber, parseNumber, type RegoNumber, toDouble } from '../../number.js'
import { regoText } from '../../text.js'
import { isArray, type ObjectValue, objectEntries, objectGet, type Value } from '../../value.js'
import { toBytes } from '../go/bytes.js'
import { verifySignature } from './algorithms.js'
import { type Key, verificationKeys } from './keys.js'
import { type Header, signedBytes, type Token } from './token.js'

export interface Constraints {
  readonly keys: readonly Key[] | undefined
  readonly secret: string
  readonly alg: string
  readonly iss: string
  readonly aud: string
  /** Seconds, as the double that OPA computes with. */
  readonly time: number
}

/** @param now nanoseconds since 1970, for when no time is given */
export function readConstraints(operand: ObjectValue, now: bigint): Constraints {
  const texts = new Map<string, string>()
  let keys: readonly Key[] | undefined
  let time = Number(now)
  for (const [name, value] of objectEntries(operand)) {
    if (name === 'time') time = timeConstraint(value)
    else if (name === 'cert') {
      if (typeof value !== 'string') throw new BuiltinError('cert constraint: must be a string')
      keys = verificationKeys(value)
    } else if (name === 'secret' || name === 'alg' || name === 'iss' || name === 'aud') {
      if (typeof value !== 'string') throw new BuiltinError(`${name} constraint: must be a string`)
      texts.set(name, value)
    } else {
      const shown = typeof name === 'string' ? name : regoText(name)
      throw new BuiltinError(`unknown token validation constraint: ${shown}`)
    }
  }
  const text = (name: string): string => texts.get(name) ?? ''
  if (keys !== undefined && text('secret') !== '') throw new BuiltinError('duplicate key constraints')
  if (keys === undefined && text('secret') === '') throw new BuiltinError('no key constraint')
  return { keys, secret: text('secret'), alg: text('alg'), iss: text('iss'), aud: text('aud'), time: time / 1e9 }
}

function timeConstraint(value: Value): number {
  if (!isNumber(value)) throw new BuiltinError('token time constraint: must be a number')
  const time = toDouble(value)
  if (!Number.isFinite(time)) throw new BuiltinError('token time constraint: unvalid float64')
  if (time < 0) throw new BuiltinError('token time constraint: must not be negative')
  return time
}

/** A key named by the token is the only one that counts; otherwise any that fits its algorithm. */
export function isSigned(constraints: Constraints, token: Token, { alg, kid }: Header, signature: Uint8Array): boolean {
  const data = signedBytes(token)
  if (constraints.keys === undefined) {
    return verifySignature(alg, createSecretKey(toBytes(constraints.secret)), data, signature)
  }
  const named = kid === '' ? undefined : constraints.keys.find((key) => key.kid === kid)
  const candidates = named === undefined ? constraints.keys.filter((key) => key.alg === '' || key.alg === alg) : [named]
  return candidates.some(({ key }) => verifySignature(alg, key, data, signature))
}

/** Issuer, audience and times. */
export function claimsHold(constraints: Constraints, payload: ObjectValue): boolean {
  if (constraints.iss !== '' && objectGet(payload, 'iss') !== constraints.iss) return false
  const audience = objectGet(payload, 'aud')
  if (audience === undefined ? constraints.aud !== '' : !isFor(audience, constraints.aud)) return false
  const now = parseNumber(String(constraints.time)) ?? 0
  const expiry = claimTime(payload, 'exp')
  if (expiry !== undefined && compareNumbers(now, expiry) >= 0) return false
  const start = claimTime(payload, 'nbf')
  return start === undefined || compareNumbers(now, start) >= 0
}

function isFor(audience: Value, expected: string): boolean {
  return isArray(audience) ? audience.includes(expected) : audience === expected
}

function claimTime(payload: ObjectValue, name: string): RegoNumber | undefined {
  const value = objectGet(payload, name)
  if (value !== undefined && !isNumber(value)) throw new BuiltinError(`${name} value must be a number`)
  return value
}
