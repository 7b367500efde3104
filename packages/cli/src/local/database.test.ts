import { expect, test } from 'vitest'
import { describeDatabase, describeDatabaseError } from './database.js'

const URL_OF_OURS = 'postgres://me:secret@db.internal:5432/countersign?sslmode=require&password=secret'

test('a database is named by its host and name alone', () => {
  expect(describeDatabase(URL_OF_OURS)).toBe('db.internal:5432/countersign')
  expect(describeDatabase('postgres:///countersign?host=/run/postgresql')).toBe('/run/postgresql/countersign')
})

test('missing rights say who has them', () => {
  const denied = Object.assign(new Error('permission denied for database countersign'), {
    severity: 'ERROR',
    code: '42501',
  })
  expect(describeDatabaseError(denied, URL_OF_OURS)).toBe(
    'The database at db.internal:5432/countersign (DATABASE_URL) cannot be used: permission denied for database ' +
      'countersign. The user must own the database.',
  )
})

test('what fails at every address of a name is said by its code', () => {
  const attempt = Object.assign(new Error('connect ECONNREFUSED ::1:5432'), { syscall: 'connect' })
  const refused = Object.assign(new AggregateError([attempt, attempt]), { code: 'ECONNREFUSED' })
  expect(describeDatabaseError(refused, URL_OF_OURS)).toContain('cannot be used: ECONNREFUSED.')
})

test('an error that is not about the database is left alone', () => {
  expect(describeDatabaseError(new TypeError('x is undefined'), URL_OF_OURS)).toBeUndefined()
  const listening = Object.assign(new Error('listen EACCES'), { syscall: 'listen', code: 'EACCES' })
  expect(describeDatabaseError(listening, URL_OF_OURS)).toBeUndefined()
})
