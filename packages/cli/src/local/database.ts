import { plain } from '../io.js'

/** Where the database of a URL is, `db.internal:5432/countersign`: nothing of user, password and parameters. */
export function describeDatabase(url: string): string {
  const { host, pathname, searchParams } = new URL(url)
  return plain(`${searchParams.get('host') ?? host}${pathname}`)
}

// What `pg` says without any code.
const WITHOUT_CODE =
  /^(Connection terminated|timeout e|Query read timeout|The server does not support SSL|SASL|There was an error establishing an SSL)/
const OF_CONNECTIONS = new Set(['connect', 'getaddrinfo', 'read', 'write'])
const PERMISSION_DENIED = '42501'

/**
 * Why the database of `DATABASE_URL` cannot be used, in sentences that hold no password; undefined for an error that is
 * not about it.
 *
 * @example describeDatabaseError(error, 'postgres://me@127.0.0.1:5599/nodb')
 * // 'The database at 127.0.0.1:5599/nodb (DATABASE_URL) cannot be used: database "nodb" does not exist.'
 */
export function describeDatabaseError(error: unknown, url: string): string | undefined {
  if (!(error instanceof Error)) return undefined
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  // An attempt at each address of a name fails as an AggregateError, whose own message is empty.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const syscall = first instanceof Error && 'syscall' in first ? String(first.syscall) : ''
  const isOurs =
    // An error that the server sent has a severity.
    'severity' in error || OF_CONNECTIONS.has(syscall) || /CERT|TLS|SSL/.test(code) || WITHOUT_CODE.test(error.message)
  if (!isOurs) return undefined
  const why = plain(error.message || code).replace(/\.$/, '')
  const hint = code === PERMISSION_DENIED ? ' The user must own the database.' : ''
  return `The database at ${describeDatabase(url)} (DATABASE_URL) cannot be used: ${why}.${hint}`
}
