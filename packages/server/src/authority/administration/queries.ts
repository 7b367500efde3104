import { type Selectable, sql } from 'kysely'
import type { RepeatableRequest } from '../../http/idempotency.js'
import type { Tx } from '../../store/database.js'
import { instant } from '../../store/instant.js'
import type { AdminAnswersTable } from '../../store/tables.js'

/** How long an answer is kept for its `Idempotency-Key`. */
const ANSWER_LIFE_MS = 24 * 60 * 60 * 1000

/** Makes whoever sends the same key at the same moment wait, where no zone's lock does. */
export async function lockKey(tx: Tx, actor: string, repeatable: RepeatableRequest): Promise<void> {
  const name = `idempotency ${actor} ${repeatable.keyHash.toString('hex')}`
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${name}, 0))`.execute(tx)
}

/** The database's time. */
export async function databaseTime(tx: Tx): Promise<number> {
  const clock = await sql<{ now: number }>`SELECT countersign.now() AS now`.execute(tx)
  return clock.rows[0]?.now ?? Number.NaN
}

/** Whether a token is still in force, so that one revoked since its request began changes nothing. */
export async function isInForce(tx: Tx, tokenId: string, now: number): Promise<boolean> {
  const token = await tx
    .selectFrom('admin_tokens')
    .select('expires_at')
    .where('id', '=', tokenId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return token !== undefined && (token.expires_at === null || token.expires_at > now)
}

/** The answer kept for a key, unless its time is over. */
export function findAnswer(
  tx: Tx,
  actor: string,
  keyHash: Buffer,
  now: number,
): Promise<Selectable<AdminAnswersTable> | undefined> {
  return tx
    .selectFrom('admin_answers')
    .selectAll()
    .where('actor', '=', actor)
    .where('key_hash', '=', keyHash)
    .where('created_at', '>', instant(now - ANSWER_LIFE_MS))
    .executeTakeFirst()
}

/** Keeps an answer; false when the key is taken by a request of another zone that was quicker. */
export async function keepAnswer(
  tx: Tx,
  answer: { actor: string; repeatable: RepeatableRequest; sealed: Buffer; now: number },
): Promise<boolean> {
  const oldest = instant(answer.now - ANSWER_LIFE_MS)
  const kept = await tx
    .insertInto('admin_answers')
    .values({
      actor: answer.actor,
      key_hash: answer.repeatable.keyHash,
      request_hash: answer.repeatable.requestHash,
      answer_sealed: answer.sealed,
      created_at: new Date(answer.now),
    })
    .onConflict((conflict) =>
      conflict
        .columns(['actor', 'key_hash'])
        .doUpdateSet((eb) => ({
          request_hash: eb.ref('excluded.request_hash'),
          answer_sealed: eb.ref('excluded.answer_sealed'),
          created_at: eb.ref('excluded.created_at'),
        }))
        .where('admin_answers.created_at', '<=', oldest),
    )
    .executeTakeFirst()
  return (kept.numInsertedOrUpdatedRows ?? 0n) > 0n
}
