import { Type } from 'typebox'
import type { Tx } from '../../store/database.js'
import type { JwkSet } from '../../store/tables.js'
import { absoluteUrl, checkFetchable, checkJwks, unprocessable } from '../administration/checks.js'
import type { Noun } from '../administration/noun.js'
import { checkReferences } from '../administration/references.js'
import { AalSchema, exactly, Id, Instant, Jwks, nullable, toInstant, Uri } from '../administration/schemas.js'

const Levels = Type.Record(Type.String({ minLength: 1, maxLength: 200 }), AalSchema, { maxProperties: 50 })

const Aal = exactly({
  acr: Type.Optional(Levels),
  amr: Type.Optional(Levels),
})

const Applications = Type.Array(Id, {
  maxItems: 200,
  uniqueItems: true,
  description: 'The applications that may present its tokens; null for all of the zone.',
})

const View = exactly({
  id: Id,
  issuer: Uri,
  audience: Uri,
  jwks_uri: nullable(Uri),
  jwks: nullable(Jwks),
  aal: Aal,
  applications: nullable(Applications),
  created_at: Instant,
  updated_at: Instant,
})

const Create = exactly({
  issuer: Uri,
  audience: Uri,
  jwks_uri: Type.Optional(Uri),
  jwks: Type.Optional(Jwks),
  aal: Type.Optional(Aal),
  applications: Type.Optional(nullable(Applications)),
})

const Update = exactly({
  audience: Type.Optional(Uri),
  jwks_uri: Type.Optional(Uri),
  jwks: Type.Optional(Jwks),
  aal: Type.Optional(Aal),
  applications: Type.Optional(nullable(Applications)),
})

export interface SubjectIssuerOptions {
  readonly baseUrl: string
  readonly allowPrivateAddresses: boolean
}

/** Subject issuers: the identity providers that a zone trusts. */
export function subjectIssuer(
  options: SubjectIssuerOptions,
): Noun<'subject_issuers', typeof View, typeof Create, Record<never, never>, typeof Update> {
  const checkKeys = (jwksUri: string | undefined, jwks: JwkSet | undefined): void => {
    if (jwks !== undefined) checkJwks(jwks)
    if (jwksUri !== undefined) checkFetchable(jwksUri, 'jwks_uri', options.allowPrivateAddresses)
  }
  return {
    table: 'subject_issuers',
    path: 'subject-issuers',
    word: 'subject_issuer',
    kind: 'issuer',
    view: View,
    create: Create,
    update: Update,

    async views(_db, _zoneId, rows) {
      return rows.map((row) => ({
        id: row.id,
        issuer: row.issuer,
        audience: row.audience,
        jwks_uri: row.jwks_uri,
        jwks: row.jwks === null ? null : { keys: row.jwks.keys.map((key) => ({ ...key })) },
        aal: { ...(row.aal.acr && { acr: row.aal.acr }), ...(row.aal.amr && { amr: row.aal.amr }) },
        applications: row.applications,
        created_at: toInstant(row.created_at),
        updated_at: toInstant(row.updated_at),
      }))
    },

    details(row) {
      const aal = { acr: row.aal.acr, amr: row.aal.amr }
      return { issuer: row.issuer, audience: row.audience, jwks_uri: row.jwks_uri, aal, applications: row.applications }
    },

    async creating({ tx, zoneId }, _id, body) {
      checkIssuer(body.issuer, options.baseUrl)
      if ((body.jwks_uri === undefined) === (body.jwks === undefined)) {
        throw unprocessable('jwks_required', 'give the keys of the issuer once: as jwks_uri or as jwks')
      }
      checkKeys(body.jwks_uri, body.jwks)
      await checkApplications(tx, zoneId, body.applications)
      return {
        row: {
          issuer: body.issuer,
          audience: body.audience,
          jwks_uri: body.jwks_uri ?? null,
          jwks: body.jwks === undefined ? null : JSON.stringify(body.jwks),
          aal: JSON.stringify(body.aal ?? {}),
          applications: body.applications ?? null,
        },
      }
    },

    async updating({ tx, zoneId }, _row, body) {
      if (body.jwks_uri !== undefined && body.jwks !== undefined) {
        throw unprocessable('jwks_required', 'give the keys of the issuer once: as jwks_uri or as jwks')
      }
      checkKeys(body.jwks_uri, body.jwks)
      await checkApplications(tx, zoneId, body.applications)
      return {
        ...(body.audience !== undefined && { audience: body.audience }),
        ...(body.jwks_uri !== undefined && { jwks_uri: body.jwks_uri, jwks: null }),
        ...(body.jwks !== undefined && { jwks: JSON.stringify(body.jwks), jwks_uri: null }),
        ...(body.aal !== undefined && { aal: JSON.stringify(body.aal) }),
        ...(body.applications !== undefined && { applications: body.applications }),
      }
    },
  }
}

// Our own mandates come in by another door, with other rules: nobody may describe them as a trusted issuer's tokens.
function checkIssuer(issuer: string, baseUrl: string): void {
  absoluteUrl(issuer, 'issuer')
  if (issuer === baseUrl || issuer.startsWith(`${baseUrl}/`)) {
    throw unprocessable('own_issuer', 'this service is no subject issuer; present its session mandates as they are')
  }
}

async function checkApplications(tx: Tx, zoneId: string, ids: readonly string[] | null | undefined): Promise<void> {
  await checkReferences(tx, zoneId, {
    table: 'applications',
    what: 'application',
    field: 'applications',
    ids: ids ?? [],
  })
}
