import type { NextRequest } from '../load/closed-loop.js'
import { formBytes } from '../load/http-bytes.js'
import type { Rig } from './rig.js'
import { type BenchZone, userFields, userToken } from './zone.js'

export const TOKEN_ENDPOINT = '/oauth/2/token'

/** How many users' tokens repeat. */
const USERS = 64

/** Users' tokens, one each, for the service and, in the same bytes but for the secret, for the floor. */
export interface TokenRequests {
  readonly service: readonly Buffer[]
  readonly floor: readonly Buffer[]
}

/** A request with each of some tokens. */
export function tokenRequests(rig: Rig, zone: BenchZone, tokens: readonly string[]): TokenRequests {
  return {
    service: tokens.map((token) => formBytes(TOKEN_ENDPOINT, userFields(zone, token))),
    floor: tokens.map((token) => formBytes(TOKEN_ENDPOINT, { ...userFields(zone, token), client_secret: rig.secret })),
  }
}

/** The tokens that agents repeat: one of each of 64 users. */
export function repeatedTokens(rig: Rig): string[] {
  return Array.from({ length: USERS }, (_, n) => userToken(rig.signingKey, `user-${n}`, 0))
}

let serial = 0

/** Tokens that were never shown before, of the same users in the same sessions. */
export function newTokens(rig: Rig, count: number): string[] {
  return Array.from({ length: count }, (_, n) => userToken(rig.signingKey, `user-${n % USERS}`, ++serial))
}

/** Goes round some requests for ever. */
export function roundRobin(requests: readonly Buffer[]): NextRequest {
  let n = 0
  return () => requests[n++ % requests.length]
}

/** Each of some requests once. */
export function eachOnce(requests: readonly Buffer[]): NextRequest {
  let n = 0
  return () => requests[n++]
}
