import { type RawBuilder, sql } from 'kysely'

/** A time to compare a column with, from milliseconds: such columns are read as numbers and compared as times. */
export function instant(ms: number): RawBuilder<number> {
  return sql<number>`${new Date(ms)}::timestamptz`
}
