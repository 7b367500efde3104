import { hash } from 'node:crypto'
import { isMandateClaims, type MandateClaims } from '../mandate/claims.js'
import type { Db } from '../store/database.js'
import type { Binding } from './binding.js'
import type { Attempt } from './context.js'
import { recoveryByKey } from './queries.js'
import { Refusal } from './refusal.js'

/** A mandate that was recorded under the request's idempotency key, and may not have reached its requester. */
export interface Recovery {
  readonly claims: MandateClaims
  readonly challengeId: string | null
}

/**
 * What an `Idempotency-Key` recovers: nothing when it is new or its mandate has ended.
 *
 * @throws Refusal `idempotency_mismatch` when the key was used for another request, `mandate_revoked` when what it
 * would recover was revoked
 */
export async function readRecovery(db: Db, attempt: Attempt, binding: Binding): Promise<Recovery | undefined> {
  const { request, application, now } = attempt
  if (request.idempotencyKey === undefined) return undefined
  const keyHash = hash('sha256', request.idempotencyKey, 'buffer')
  const row = await recoveryByKey(db, request.zoneId, application.id, keyHash)
  if (row === undefined || row.expires_at <= now) return undefined
  if (!row.binding_hash.equals(binding.hash)) {
    throw new Refusal('invalid_request', 'idempotency_mismatch', 'the Idempotency-Key was used for another request')
  }
  if (row.challenge_id !== null && request.challenge === undefined) {
    throw new Refusal(
      'invalid_request',
      'idempotency_mismatch',
      'the first request presented a challenge and this one does not',
    )
  }
  if (row.revoked) throw new Refusal('invalid_grant', 'mandate_revoked', 'the mandate that was issued is revoked')
  if (!isMandateClaims(row.claims)) return undefined
  return { claims: row.claims, challengeId: row.challenge_id }
}
