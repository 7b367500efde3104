import pg from 'pg'
import { afterAll, expect, test } from 'vitest'
import { testDatabase } from './postgres.js'

const first = await testDatabase()
const second = await testDatabase()
afterAll(async () => {
  await first.drop()
  await second.drop()
})

test('each test database is empty and its own', async () => {
  const a = new pg.Client({ connectionString: first.url })
  const b = new pg.Client({ connectionString: second.url })
  await Promise.all([a.connect(), b.connect()])
  await a.query('CREATE TABLE mine ()')
  await expect(b.query('SELECT FROM mine')).rejects.toThrow('does not exist')
  await Promise.all([a.end(), b.end()])
})
