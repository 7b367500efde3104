import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Static, type TObject, type TProperties, type TSchema, Type } from 'typebox'
import type { App } from '../../http/app.js'
import { checkIfMatch, etagOf } from '../../http/etag.js'
import { pageOf, pageQuery, pageSchema, readPage } from '../../http/pagination.js'
import { notFound } from '../../http/problem.js'
import { Personal } from '../../ledger/event.js'
import type { Db, Tx } from '../../store/database.js'
import { newId } from '../../store/ids.js'
import type { ChangeKind } from '../../store/tables.js'
import type { Change } from '../../store/zone-change.js'
import { requireAdmin } from '../admin-tokens/authenticate.js'
import { type AdminEvent, type MutationDeps, mutateZone, type ZoneMutation } from './mutate.js'
import {
  type ChangedRow,
  findRow,
  insertRow,
  listRows,
  type NewRow,
  type NounTable,
  type Row,
  updateRow,
} from './rows.js'
import { ItemParams, ZoneParams } from './schemas.js'

type Members = { [member: string]: unknown }
type Details = Omit<AdminEvent, 'type'>

/** A kind of thing that a zone administers: its words, its schemas, and what is its own about each act. */
export interface Noun<
  T extends NounTable,
  View extends TSchema,
  Create extends TObject,
  Shown extends TProperties,
  Update extends TObject,
> {
  readonly table: T
  /** Segment of the path, as in `subject-issuers`. */
  readonly path: string
  /** Word in events and ids, as in `subject_issuer`. */
  readonly word: string
  /** What it is in a zone's snapshot; null for what exchanges do not read. */
  readonly kind: ChangeKind | null
  readonly view: View
  readonly create: Create
  /** Members of the answer to its creation that are never shown again. */
  readonly shown?: Shown
  readonly update: Update
  /** Columns that a list can be narrowed to, by their names. */
  readonly filters?: TProperties
  /** What is answered for rows of one zone. */
  views(db: Db | Tx, zoneId: string, rows: readonly Row<T>[]): Promise<Static<View>[]>
  /** What the ledger says of a row, without secrets; what may be about a person as {@link Personal}. */
  details(row: Row<T>): Details
  /** Checks a new one and makes its row; may write rows of its own under `id`. */
  creating(
    mutation: ZoneMutation,
    id: string,
    body: Static<Create>,
  ): Promise<{ row: NewRow<T>; shown?: { readonly [member: string]: unknown }; details?: Details }>
  /** Checks a change and says which columns take which values; none for no change. */
  updating(mutation: ZoneMutation, row: Row<T>, body: Static<Update>): Promise<ChangedRow<T>>
  /** Refuses a deletion, or takes along what cannot stand alone. */
  deleting?(mutation: ZoneMutation, row: Row<T>): Promise<readonly Change[]>
}

/** The routes that every noun has: create, list, read, change, delete. */
export function registerNoun<
  T extends NounTable,
  View extends TSchema,
  Create extends TObject,
  Shown extends TProperties,
  Update extends TObject,
>(app: App, deps: MutationDeps, noun: Noun<T, View, Create, Shown, Update>): void {
  // The schemas are type parameters here, too much for the type provider; bodies are cast to what they validate to.
  const routes = app as unknown as FastifyInstance
  const collection = `/v1/zones/:zone_id/${noun.path}`
  const item = `${collection}/:id`
  const tags = [noun.path]
  const changed = (row: { readonly id: string }): readonly Change[] =>
    noun.kind === null ? [] : [{ kind: noun.kind, id: row.id }]
  const event = (act: string, row: Row<T>, details: Details = {}): AdminEvent => {
    return { ...noun.details(row), ...details, type: `${noun.word}.${act}`, [`${noun.word}_id`]: row.id }
  }
  const view = async (db: Db | Tx, zoneId: string, row: Row<T>): Promise<Members> => {
    const [only] = await noun.views(db, zoneId, [row])
    return only as Members
  }
  const present = async (db: Db | Tx, request: FastifyRequest): Promise<Row<T>> => {
    const { zone_id: zoneId, id } = request.params as Static<typeof ItemParams>
    const row = await findRow(db, noun.table, zoneId, id)
    if (row === undefined) throw notFound()
    return row
  }

  routes.post(
    collection,
    {
      onRequest: requireAdmin('write'),
      schema: {
        tags,
        summary: `Create: ${noun.word}`,
        params: ZoneParams,
        body: noun.create,
        response: { 201: Type.Interface([noun.view as unknown as TObject], noun.shown ?? {}) },
      },
    },
    (request, reply) =>
      mutateZone(deps, request, reply, async (mutation) => {
        const { tx, zoneId, now } = mutation
        const id = newId(now)
        const made = await noun.creating(mutation, id, request.body as Static<Create>)
        const row = await insertRow(tx, noun.table, { zoneId, id, now }, made.row)
        return {
          status: 201,
          body: { ...(await view(tx, zoneId, row)), ...made.shown },
          version: row.version,
          event: event('created', row, made.details),
          changes: changed(row),
        }
      }),
  )

  routes.get(
    collection,
    {
      onRequest: requireAdmin('read'),
      schema: {
        tags,
        summary: `List: ${noun.word}`,
        params: ZoneParams,
        querystring: Type.Object({ ...pageQuery, ...noun.filters }, { additionalProperties: false }),
        response: { 200: pageSchema(noun.view) },
      },
    },
    async (request) => {
      const { zone_id: zoneId } = request.params as Static<typeof ZoneParams>
      const { limit, cursor, ...where } = request.query as { limit?: number; cursor?: string }
      const page = readPage({ ...(limit && { limit }), ...(cursor && { cursor }) })
      const rows = await listRows(deps.db, noun.table, zoneId, page, where)
      const { items, next_cursor } = pageOf(
        rows,
        page,
        (row) => row.id,
        (row) => row,
      )
      return { items: await noun.views(deps.db, zoneId, items), next_cursor }
    },
  )

  routes.get(
    item,
    {
      onRequest: requireAdmin('read'),
      schema: { tags, summary: `Read: ${noun.word}`, params: ItemParams, response: { 200: noun.view as TSchema } },
    },
    async (request, reply) => {
      const row = await present(deps.db, request)
      reply.header('etag', etagOf(row.version))
      return view(deps.db, row.zone_id, row)
    },
  )

  routes.patch(
    item,
    {
      onRequest: requireAdmin('write'),
      schema: {
        tags,
        summary: `Change: ${noun.word}`,
        params: ItemParams,
        body: noun.update,
        response: { 200: noun.view as TSchema },
      },
    },
    (request, reply) =>
      mutateZone(deps, request, reply, async (mutation) => {
        const { tx, zoneId, now } = mutation
        const held = await present(tx, request)
        checkIfMatch(request, held.version)
        const change = await noun.updating(mutation, held, request.body as Static<Update>)
        const fields = Object.keys(change).sort()
        if (fields.length === 0) {
          return { body: await view(tx, zoneId, held), version: held.version, event: null }
        }
        const row = await updateRow(tx, noun.table, { zoneId, id: held.id, now }, change)
        return {
          body: await view(tx, zoneId, row),
          version: row.version,
          event: event('updated', row, { fields }),
          changes: changed(row),
        }
      }),
  )

  routes.delete(
    item,
    {
      onRequest: requireAdmin('write'),
      schema: { tags, summary: `Delete: ${noun.word}`, params: ItemParams, response: { 204: Type.Null() } },
    },
    (request, reply) =>
      mutateZone(deps, request, reply, async (mutation) => {
        const { tx, zoneId, now } = mutation
        const held = await present(tx, request)
        checkIfMatch(request, held.version)
        const also = (await noun.deleting?.(mutation, held)) ?? []
        const row = await updateRow(tx, noun.table, { zoneId, id: held.id, now }, { deleted_at: new Date(now) })
        return { event: event('deleted', row), changes: [...changed(row), ...also] }
      }),
  )
}

/** A name in an event: it may be somebody's. */
export function personalName(row: { readonly name: string }): { readonly name: Personal } {
  return { name: new Personal(row.name) }
}
