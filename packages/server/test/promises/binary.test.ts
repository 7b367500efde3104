import fc from 'fast-check'
import pg from 'pg'
import { afterAll, expect, test } from 'vitest'
import { BYTES, HEX, INT4, INT8, TEXT, UUID } from '../../src/store/binary.js'
import { type BinaryType, BinaryWriter } from '../../src/store/binary-writer.js'
import { testDatabase } from '../support/postgres.js'

const database = await testDatabase()
const client = new pg.Client({ connectionString: database.url })
await client.connect()
afterAll(async () => {
  await client.end()
  await database.drop()
})

const lists = fc.record({
  uuids: fc.array(fc.uuid()),
  ints: fc.array(fc.integer()),
  bigs: fc.array(fc.maxSafeInteger()),
  bytes: fc.array(fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('hex'))),
  buffers: fc.array(fc.option(fc.uint8Array().map((bytes) => Buffer.from(bytes)))),
  // What is written was checked before: no lone surrogates, no NUL.
  texts: fc.array(fc.option(fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')))),
})

test('the database reads every list as it was written', async () => {
  await fc.assert(
    fc.asyncProperty(lists, async ({ uuids, ints, bigs, bytes, buffers, texts }) => {
      const { rows } = await client.query(
        `SELECT $1::uuid[]::text[] AS uuids, $2::int4[] AS ints, $3::int8[]::text[] AS bigs,
           ARRAY(SELECT encode(b, 'hex') FROM unnest($4::bytea[]) WITH ORDINALITY AS u(b, n) ORDER BY n) AS bytes,
           $5::text[] AS texts, $6::bytea[] AS buffers`,
        [
          written(UUID, uuids),
          written(INT4, ints),
          written(INT8, bigs),
          written(HEX, bytes),
          written(TEXT, texts),
          written(BYTES, buffers),
        ],
      )
      expect(rows[0]).toEqual({ uuids, ints, bigs: bigs.map(String), bytes, buffers, texts })
    }),
    { numRuns: 100 },
  )
})

const LENGTH_BYTES = 4
const writer = new BinaryWriter()

function written<T>(type: BinaryType<T>, values: readonly (T | null)[]): Buffer {
  writer.clear()
  writer.array(type, values, (value) => value)
  expect(writer.bytes.readInt32BE(0)).toBe(writer.length - LENGTH_BYTES)
  return Buffer.from(writer.bytes.subarray(LENGTH_BYTES))
}
