import { Type } from 'typebox'
import { Personal } from '../../ledger/event.js'
import type { Sealer } from '../../store/seal.js'
import type { Upstream } from '../../store/tables.js'
import { absoluteUrl, unprocessable } from '../administration/checks.js'
import { type Noun, personalName } from '../administration/noun.js'
import { checkReferences } from '../administration/references.js'
import { exactly, Id, Instant, Name, nullable, Scopes, toInstant, Uri } from '../administration/schemas.js'
import { deleteGrants } from '../grants/queries.js'

const Slug = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$', description: 'Its name at the gateway.' })
const Operations = Type.Array(Type.Record(Type.String(), Type.Unknown()), { maxItems: 500 })

const UpstreamView = exactly({
  url: Uri,
  operations: Type.Optional(Operations),
  credential_set: Type.Boolean({ description: 'Whether a credential is kept, sealed; it is never shown.' }),
})

const UpstreamBody = exactly({
  url: Uri,
  credential: Type.Optional(Type.String({ minLength: 1, maxLength: 8192 })),
  operations: Type.Optional(Operations),
})

const View = exactly({
  id: Id,
  identifier: Uri,
  name: Name,
  slug: nullable(Slug),
  scopes: Scopes,
  served_by: nullable(Id),
  upstream: nullable(UpstreamView),
  created_at: Instant,
  updated_at: Instant,
})

const Create = exactly({
  identifier: Uri,
  name: Type.Optional(Name),
  slug: Type.Optional(Slug),
  scopes: Scopes,
  served_by: Type.Optional(Id),
  upstream: Type.Optional(UpstreamBody),
})

const Update = exactly({
  name: Type.Optional(Name),
  slug: Type.Optional(nullable(Slug)),
  scopes: Type.Optional(Scopes),
  served_by: Type.Optional(nullable(Id)),
  upstream: Type.Optional(nullable(UpstreamBody)),
})

export interface ResourceOptions {
  readonly baseUrl: string
  readonly sealer: Sealer
}

/** The sealing context of an upstream credential. */
function upstreamContext(zoneId: string, resourceId: string): string {
  return `resources:${zoneId}:${resourceId}:upstream`
}

/** Resources: what mandates are for. */
export function resource(
  options: ResourceOptions,
): Noun<'resources', typeof View, typeof Create, Record<never, never>, typeof Update> {
  const sealed = (zoneId: string, id: string, credential: string): Buffer =>
    options.sealer.seal(Buffer.from(credential), upstreamContext(zoneId, id))
  return {
    table: 'resources',
    path: 'resources',
    word: 'resource',
    kind: 'resource',
    view: View,
    create: Create,
    update: Update,

    async views(_db, _zoneId, rows) {
      return rows.map((row) => ({
        id: row.id,
        identifier: row.identifier,
        name: row.name,
        slug: row.slug,
        scopes: row.scopes,
        served_by: row.served_by,
        upstream: row.upstream && {
          url: row.upstream.url,
          ...(row.upstream.operations && { operations: row.upstream.operations as Record<string, unknown>[] }),
          credential_set: row.upstream_credential_sealed !== null,
        },
        created_at: toInstant(row.created_at),
        updated_at: toInstant(row.updated_at),
      }))
    },

    details(row) {
      const { identifier, slug, scopes, served_by } = row
      // The address as a commitment, since it may hold a secret.
      const upstream_url = row.upstream && new Personal(row.upstream.url)
      return { ...personalName(row), identifier, slug, scopes, served_by, upstream_url }
    },

    async creating({ tx, zoneId }, id, body) {
      checkIdentifier(body.identifier, options.baseUrl)
      await checkReferences(tx, zoneId, servedBy(body.served_by))
      const credential = body.upstream?.credential
      return {
        row: {
          identifier: body.identifier,
          name: body.name ?? body.identifier.slice(0, 200),
          slug: body.slug ?? null,
          scopes: body.scopes,
          served_by: body.served_by ?? null,
          upstream: toUpstream(body.upstream),
          upstream_credential_sealed: credential === undefined ? null : sealed(zoneId, id, credential),
        },
      }
    },

    async updating({ tx, zoneId }, row, body) {
      await checkReferences(tx, zoneId, servedBy(body.served_by))
      return {
        ...(body.name !== undefined && { name: body.name }),
        ...(body.slug !== undefined && { slug: body.slug }),
        ...(body.scopes !== undefined && { scopes: body.scopes }),
        ...(body.served_by !== undefined && { served_by: body.served_by }),
        ...(body.upstream !== undefined && {
          upstream: toUpstream(body.upstream),
          upstream_credential_sealed: nextCredential(body.upstream, row, (text) => sealed(zoneId, row.id, text)),
        }),
      }
    },

    deleting({ tx, zoneId, now }, row) {
      return deleteGrants(tx, zoneId, now, 'resource_id', row.id)
    },
  }
}

type UpstreamInput = { url: string; credential?: string; operations?: readonly unknown[] }

function toUpstream(upstream: UpstreamInput | null | undefined): string | null {
  if (upstream === undefined || upstream === null) return null
  const url = absoluteUrl(upstream.url, 'upstream.url')
  if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.hash !== '') {
    throw unprocessable('invalid_url', 'upstream.url must be an http or https URL without credentials or fragment')
  }
  return JSON.stringify({ url: upstream.url, ...(upstream.operations && { operations: upstream.operations }) })
}

// A credential stays only where it was: whoever may change the URL must not be able to have it sent elsewhere.
function nextCredential(
  upstream: UpstreamInput | null,
  row: { readonly upstream: Upstream | null; readonly upstream_credential_sealed: Buffer | null },
  seal: (credential: string) => Buffer,
): Buffer | null {
  if (upstream === null) return null
  if (upstream.credential !== undefined) return seal(upstream.credential)
  return upstream.url === row.upstream?.url ? row.upstream_credential_sealed : null
}

// RFC 8707 section 2: absolute, without fragment. The service's own names are audiences of other mandates.
function checkIdentifier(identifier: string, baseUrl: string): void {
  if (!URL.canParse(identifier) || identifier.includes('#') || /[\s"<>\\^`{|}]/.test(identifier)) {
    throw unprocessable('invalid_identifier', 'identifier must be an absolute URI without a fragment')
  }
  if (identifier === baseUrl || identifier.startsWith(`${baseUrl}/zones/`)) {
    throw unprocessable('reserved_identifier', "identifier is this service's own; choose one of the resource server")
  }
}

function servedBy(id: string | null | undefined) {
  return { table: 'applications', what: 'application', field: 'served_by', ids: id == null ? [] : [id] } as const
}
