import fc from 'fast-check'
import pg from 'pg'
import { afterAll, expect, test } from 'vitest'
import { byteaArray, bytesArray, int4Array, int8Array, textArray, uuidArray } from '../../src/store/binary-array.js'
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
        [uuidArray(uuids), int4Array(ints), int8Array(bigs), byteaArray(bytes), textArray(texts), bytesArray(buffers)],
      )
      expect(rows[0]).toEqual({ uuids, ints, bigs: bigs.map(String), bytes, buffers, texts })
    }),
    { numRuns: 100 },
  )
})
