import { Type } from 'typebox'
import { Personal } from '../../ledger/event.js'
import { futureInstant, unprocessable } from '../administration/checks.js'
import type { Noun } from '../administration/noun.js'
import { checkReferences } from '../administration/references.js'
import { findRow } from '../administration/rows.js'
import {
  exactly,
  Id,
  IdentitySchema,
  Instant,
  Label,
  nullable,
  Scopes,
  toIdentity,
  toInstant,
  toInstantOrNull,
  Uri,
} from '../administration/schemas.js'
import { findResource, resourceIdentifiers } from './queries.js'

const View = exactly({
  id: Id,
  application_id: Id,
  resource: Uri,
  scopes: Scopes,
  subject: nullable(IdentitySchema),
  label: nullable(Label),
  expires_at: nullable(Instant),
  created_at: Instant,
  updated_at: Instant,
})

const Create = exactly({
  application_id: Id,
  resource: Type.String({ minLength: 1, maxLength: 2048, description: 'The identifier of a resource of the zone.' }),
  scopes: Scopes,
  subject: Type.Optional(IdentitySchema),
  label: Type.Optional(Label),
  expires_at: Type.Optional(Instant),
})

const Update = exactly({
  scopes: Type.Optional(Scopes),
  subject: Type.Optional(nullable(IdentitySchema)),
  label: Type.Optional(nullable(Label)),
  expires_at: Type.Optional(nullable(Instant)),
})

/** Grants: standing upper bounds on what an application may ask for. */
export const grant: Noun<'grants', typeof View, typeof Create, Record<never, never>, typeof Update> = {
  table: 'grants',
  path: 'grants',
  word: 'grant',
  kind: 'grant',
  view: View,
  create: Create,
  update: Update,
  filters: { application_id: Type.Optional(Id), resource_id: Type.Optional(Id) },

  async views(db, zoneId, rows) {
    const identifiers = await resourceIdentifiers(db, zoneId, [...new Set(rows.map((row) => row.resource_id))])
    return rows.map((row) => ({
      id: row.id,
      application_id: row.application_id,
      resource: identifiers.get(row.resource_id) ?? '',
      scopes: row.scopes,
      subject: row.subject,
      label: row.label,
      expires_at: toInstantOrNull(row.expires_at),
      created_at: toInstant(row.created_at),
      updated_at: toInstant(row.updated_at),
    }))
  },

  details(row) {
    const { application_id, resource_id, scopes, label } = row
    const subject = row.subject === null ? null : new Personal({ ...row.subject })
    return { application_id, resource_id, scopes, subject, label, expires_at: toInstantOrNull(row.expires_at) }
  },

  async creating({ tx, zoneId, now }, _id, body) {
    const { application_id } = body
    await checkReferences(tx, zoneId, {
      table: 'applications',
      what: 'application',
      field: 'application_id',
      ids: [application_id],
    })
    const resource = await findResource(tx, zoneId, body.resource)
    if (resource === undefined) throw unprocessable('unknown_resource', 'resource names no resource of this zone')
    checkScopes(body.scopes, resource.scopes)
    return {
      row: {
        application_id,
        resource_id: resource.id,
        scopes: body.scopes,
        subject: body.subject === undefined ? null : JSON.stringify(toIdentity(body.subject)),
        label: body.label ?? null,
        expires_at: body.expires_at === undefined ? null : futureInstant(body.expires_at, now),
      },
    }
  },

  async updating({ tx, zoneId, now }, row, body) {
    if (body.scopes !== undefined) {
      const resource = await findRow(tx, 'resources', zoneId, row.resource_id)
      checkScopes(body.scopes, resource?.scopes ?? [])
    }
    const { subject, expires_at: expiresAt } = body
    return {
      ...(body.scopes !== undefined && { scopes: body.scopes }),
      ...(subject !== undefined && { subject: subject === null ? null : JSON.stringify(toIdentity(subject)) }),
      ...(body.label !== undefined && { label: body.label }),
      ...(expiresAt !== undefined && { expires_at: expiresAt === null ? null : futureInstant(expiresAt, now) }),
    }
  },
}

function checkScopes(asked: readonly string[], known: readonly string[]): void {
  if (asked.some((scope) => !known.includes(scope))) {
    throw unprocessable('unknown_scope', `the resource has only the scopes ${known.join(' ')}`)
  }
}
