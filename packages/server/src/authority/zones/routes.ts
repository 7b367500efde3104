import { type Static, Type } from 'typebox'
import type { App } from '../../http/app.js'
import { checkIfMatch, etagOf } from '../../http/etag.js'
import { PageQuery, pageOf, pageSchema, readPage } from '../../http/pagination.js'
import { notFound, ProblemError } from '../../http/problem.js'
import { Personal } from '../../ledger/event.js'
import type { Db, Tx } from '../../store/database.js'
import { newId } from '../../store/ids.js'
import { lockZone } from '../../store/zone-change.js'
import { type AdminActor, adminActor, requireAdmin } from '../admin-tokens/authenticate.js'
import { type MutationDeps, mutateService, mutateZone, recordInZone } from '../administration/mutate.js'
import { exactly, Id, Instant, Name, toInstant, Uri, ZoneParams } from '../administration/schemas.js'
import { issuerOf } from '../snapshot.js'
import { findZone, insertZone, listZones, updateZone, type ZoneRow } from './queries.js'

const Slug = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' })

const ZoneView = exactly({
  id: Id,
  slug: Slug,
  name: Name,
  issuer: Uri,
  revision: Type.Integer({ description: 'Grows with every change that exchanges read.' }),
  policy_version: Type.Integer({ description: 'Grows with every activation; 0 before the first.' }),
  created_at: Instant,
  updated_at: Instant,
})

const CreateZone = exactly({ slug: Slug, name: Name })
const UpdateZone = exactly({ slug: Type.Optional(Slug), name: Type.Optional(Name) })

export interface ZoneDeps extends MutationDeps {
  readonly baseUrl: string
  /** Gives a new zone what it needs to issue: its first signing key. Runs in the zone's own transaction. */
  readonly equipZone: (tx: Tx, zoneId: string, now: number) => Promise<unknown>
}

const tags = ['zones']
const item = '/v1/zones/:zone_id'

/** Zones: creating and deleting them is for tokens of the whole service, the rest also for a zone's own. */
export function zoneRoutes(deps: ZoneDeps) {
  const toView = (row: ZoneRow): Static<typeof ZoneView> => ({
    id: row.id,
    slug: row.slug,
    name: row.name,
    issuer: issuerOf(deps.baseUrl, row.id),
    revision: row.revision,
    policy_version: row.policy_version,
    created_at: toInstant(row.created_at),
    updated_at: toInstant(row.updated_at),
  })
  const present = async (db: Db | Tx, id: string): Promise<ZoneRow> => {
    const row = await findZone(db, id)
    if (row === undefined) throw notFound()
    return row
  }

  return async (app: App): Promise<void> => {
    app.post(
      '/v1/zones',
      {
        onRequest: requireAdmin('write'),
        schema: { tags, summary: 'Create a zone', body: CreateZone, response: { 201: ZoneView } },
      },
      (request, reply) =>
        mutateService(deps, request, reply, async ({ tx, now, actor }) => {
          requireGlobal(actor)
          const id = newId(now)
          const { slug, name } = request.body
          await insertZone(tx, { id, slug, name, now })
          await lockZone(tx, id)
          await deps.equipZone(tx, id, now)
          const event = { type: 'zone.created', slug, name: new Personal(name) }
          await recordInZone(tx, { zoneId: id, now, actor }, { event })
          const row = await present(tx, id)
          return { status: 201, body: toView(row), version: row.version }
        }),
    )

    app.get(
      '/v1/zones',
      {
        onRequest: requireAdmin('read'),
        schema: { tags, summary: 'List zones', querystring: PageQuery, response: { 200: pageSchema(ZoneView) } },
      },
      async (request) => {
        const page = readPage(request.query)
        const rows = await listZones(deps.db, page, adminActor(request).zoneId)
        return pageOf(rows, page, (row) => row.id, toView)
      },
    )

    app.get(
      item,
      {
        onRequest: requireAdmin('read'),
        schema: { tags, summary: 'Read a zone', params: ZoneParams, response: { 200: ZoneView } },
      },
      async (request, reply) => {
        const row = await present(deps.db, request.params.zone_id)
        reply.header('etag', etagOf(row.version))
        return toView(row)
      },
    )

    app.patch(
      item,
      {
        onRequest: requireAdmin('write'),
        schema: { tags, summary: 'Change a zone', params: ZoneParams, body: UpdateZone, response: { 200: ZoneView } },
      },
      (request, reply) =>
        mutateZone(deps, request, reply, async ({ tx, zoneId, now }) => {
          const held = await present(tx, zoneId)
          checkIfMatch(request, held.version)
          const fields = Object.keys(request.body)
          if (fields.length === 0) return { body: toView(held), version: held.version, event: null }
          await updateZone(tx, zoneId, now, request.body)
          const row = await present(tx, zoneId)
          return {
            body: toView(row),
            version: row.version,
            event: { type: 'zone.updated', fields, slug: row.slug, name: new Personal(row.name) },
            changes: [{ kind: 'zone', id: zoneId }],
          }
        }),
    )

    app.delete(
      item,
      {
        onRequest: requireAdmin('write', { evenDeleted: true }),
        schema: {
          tags,
          summary: 'Delete a zone and all that is in it',
          params: ZoneParams,
          response: { 204: Type.Null() },
        },
      },
      (request, reply) =>
        mutateZone(deps, request, reply, async ({ tx, zoneId, now, actor }) => {
          requireGlobal(actor)
          checkIfMatch(request, (await present(tx, zoneId)).version)
          await updateZone(tx, zoneId, now, { deleted_at: new Date(now) })
          return { event: { type: 'zone.deleted' }, changes: [{ kind: 'zone', id: zoneId }] }
        }),
    )
  }
}

function requireGlobal(actor: AdminActor): void {
  if (actor.zoneId !== null) {
    throw new ProblemError(403, 'global_token_required', 'a token of one zone neither creates nor deletes zones')
  }
}
