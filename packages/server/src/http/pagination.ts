import { type Static, type TSchema, Type } from 'typebox'
import { isId } from '../store/ids.js'
import { ProblemError } from './problem.js'

/** The members that every list takes in its query string; spread them into a list's own. */
export const pageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 100, description: 'Items a page.' })),
  cursor: Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: 'The `next_cursor` of the page before.' }),
  ),
}

/** The query string of a list that has no filters. */
export const PageQuery = Type.Object(pageQuery, { additionalProperties: false })

/** The answer of a list. `next_cursor` is null on the last page. */
export function pageSchema<T extends TSchema>(item: T) {
  return Type.Object({ items: Type.Array(item), next_cursor: Type.Union([Type.String(), Type.Null()]) })
}

/** Which part of a list: at most `limit` items whose key comes after `after`, in the list's own total order. */
export interface PageRequest {
  readonly limit: number
  readonly after: string | null
}

export interface Page<T> {
  readonly items: T[]
  readonly next_cursor: string | null
}

const DEFAULT_LIMIT = 100
const PREFIX = '1:'

/**
 * Reads `limit` and `cursor`. A list orders by one unique key, so a page starts after a key and ties cannot hide a
 * row; `isKey` says what a key of this list looks like (by default a UUID).
 *
 * @throws ProblemError 400 `invalid_cursor`
 */
export function readPage(query: Static<typeof PageQuery>, isKey: (key: string) => boolean = isId): PageRequest {
  const limit = query.limit ?? DEFAULT_LIMIT
  if (query.cursor === undefined) return { limit, after: null }
  const text = Buffer.from(query.cursor, 'base64url').toString('utf8')
  const key = text.slice(PREFIX.length)
  if (!text.startsWith(PREFIX) || !isKey(key)) {
    throw new ProblemError(400, 'invalid_cursor', 'the cursor is not one that this list gave; start without one')
  }
  return { limit, after: key }
}

/**
 * Makes a page of rows that were read with `limit(page.limit + 1)`: the one too many says that there is a next page.
 *
 * @example
 * ```ts
 * const page = readPage(request.query)
 * return pageOf(await listGrants(db, zoneId, page), page, (row) => row.id, toView)
 * ```
 */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  page: PageRequest,
  keyOf: (row: Row) => string,
  toItem: (row: Row) => Item,
): Page<Item> {
  const kept = rows.slice(0, page.limit)
  const last = kept.at(-1)
  const more = rows.length > page.limit && last !== undefined
  return {
    items: kept.map(toItem),
    next_cursor: more ? Buffer.from(PREFIX + keyOf(last)).toString('base64url') : null,
  }
}
