import { createHash } from 'node:crypto'
import { AALS } from '@countersign/protocol'
import { type Static, Type } from 'typebox'
import { Personal } from '../../ledger/event.js'
import { CAPABILITIES } from '../../store/tables.js'
import type { AdminEvent } from '../administration/mutate.js'
import {
  exactly,
  Id,
  IdentitySchema,
  Instant,
  Name,
  nullable,
  toInstant,
  toInstantOrNull,
} from '../administration/schemas.js'
import type { AdminTokenRow } from './queries.js'

const Capabilities = Type.Array(Type.Enum([...CAPABILITIES]), { minItems: 1, maxItems: 7, uniqueItems: true })
const MaxAal = Type.Enum([...AALS], { description: 'The highest level a prover may vouch for.' })

export const TokenView = exactly({
  id: Id,
  name: Name,
  zone_id: nullable(Id),
  capabilities: Capabilities,
  max_aal: nullable(MaxAal),
  owner: nullable(IdentitySchema),
  created_by: Type.String(),
  created_at: Instant,
  expires_at: nullable(Instant),
})
export const CreatedToken = exactly({
  ...TokenView.properties,
  token: Type.String({ description: 'Shown once; only its SHA-256 is stored.' }),
})
export const CreateToken = exactly({
  name: Name,
  zone_id: Type.Optional(Id),
  capabilities: Capabilities,
  max_aal: Type.Optional(MaxAal),
  owner: Type.Optional(IdentitySchema),
  expires_at: Type.Optional(Instant),
})
export const UpdateToken = exactly({ name: Type.Optional(Name) })

/** A token as it is shown: without its hash. */
export function toView(row: AdminTokenRow): Static<typeof TokenView> {
  const { id, name, zone_id, capabilities, max_aal, owner, created_by } = row
  return {
    id,
    name,
    zone_id,
    capabilities,
    max_aal,
    owner,
    created_by,
    created_at: toInstant(row.created_at),
    expires_at: toInstantOrNull(row.expires_at),
  }
}

/** Only the name can change, so it is the version. */
export function versionOf(row: AdminTokenRow): string {
  return createHash('sha256').update(row.name).digest('hex').slice(0, 16)
}

/** What the ledger says of a token. */
export function eventOf(act: string, row: AdminTokenRow): AdminEvent {
  return {
    type: `admin_token.${act}`,
    admin_token_id: row.id,
    name: new Personal(row.name),
    owner: row.owner === null ? null : new Personal({ ...row.owner }),
    capabilities: row.capabilities,
    max_aal: row.max_aal,
    expires_at: toInstantOrNull(row.expires_at),
  }
}
