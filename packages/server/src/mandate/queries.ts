import type { SigningKey } from '../authority/snapshot.js'
import type { Tx } from '../store/database.js'

export async function insertKey(tx: Tx, zoneId: string, key: SigningKey): Promise<void> {
  await tx
    .insertInto('signing_keys')
    .values({
      zone_id: zoneId,
      id: key.id,
      public_jwk: JSON.stringify(key.publicJwk),
      private_sealed: key.privateSealed,
      created_at: new Date(key.createdAt),
      signs_from: new Date(key.signsFrom),
      retired_at: key.retiredAt === null ? null : new Date(key.retiredAt),
    })
    .execute()
}
