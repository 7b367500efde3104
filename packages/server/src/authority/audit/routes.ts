import { type Static, Type } from 'typebox'
import type { App } from '../../http/app.js'
import { pageOf, pageQuery, pageSchema, readPage } from '../../http/pagination.js'
import { notFound } from '../../http/problem.js'
import type { Db } from '../../store/database.js'
import { requireAdmin } from '../admin-tokens/authenticate.js'
import { exactly, Id, ItemParams, nullable, ZoneParams } from '../administration/schemas.js'
import { type AuditEventRow, findEvent, listEvents } from './queries.js'

const EventView = exactly({
  id: Id,
  leaf_index: Type.Integer({ minimum: 0 }),
  leaf_hash: Type.String({ description: 'Hex SHA-256 of a zero byte and the canonical JSON (RFC 8785) of `event`.' }),
  event: Type.Record(Type.String(), Type.Unknown()),
  openings: nullable(
    Type.Record(Type.String(), Type.Unknown(), {
      description: 'What the commitments in `event` stand for, by JSON pointer; erased ones are missing.',
    }),
  ),
})

const collection = '/v1/zones/:zone_id/audit/events'
const tags = ['audit']

/** The events of a zone's ledger. */
export function auditRoutes(deps: { readonly db: Db }) {
  return async (app: App): Promise<void> => {
    app.get(
      collection,
      {
        onRequest: requireAdmin('audit'),
        schema: {
          tags,
          summary: 'List the events of the ledger',
          params: ZoneParams,
          querystring: exactly({
            ...pageQuery,
            order: Type.Optional(
              Type.Enum(['asc', 'desc'], { default: 'asc', description: '`desc` for the newest first.' }),
            ),
          }),
          response: { 200: pageSchema(EventView) },
        },
      },
      async (request) => {
        const page = readPage(request.query, (key) => /^\d{1,15}$/.test(key))
        const rows = await listEvents(deps.db, request.params.zone_id, page, request.query.order ?? 'asc')
        return pageOf(rows, page, (row) => String(row.leaf_index), toView)
      },
    )

    app.get(
      `${collection}/:id`,
      {
        onRequest: requireAdmin('audit'),
        schema: { tags, summary: 'Read an event of the ledger', params: ItemParams, response: { 200: EventView } },
      },
      async (request) => {
        const row = await findEvent(deps.db, request.params.zone_id, request.params.id)
        if (row === undefined) throw notFound()
        return toView(row)
      },
    )
  }
}

function toView(row: AuditEventRow): Static<typeof EventView> {
  return {
    id: row.id,
    leaf_index: row.leaf_index,
    leaf_hash: row.leaf_hash.toString('hex'),
    event: JSON.parse(row.event) as { [member: string]: unknown },
    openings: row.openings === null ? null : { ...row.openings },
  }
}
