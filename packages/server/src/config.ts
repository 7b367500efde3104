import { createHash } from 'node:crypto'
import { access } from 'node:fs/promises'
import { BlockList, isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { type Name, readNames } from './config-names.js'
import { secretFile } from './config-secrets.js'

/** Parts of the service that a node can run. */
export const ROLES = ['sts', 'pdp', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** What the environment says, checked. */
export interface Config {
  readonly host: string
  readonly port: number
  /** Where clients find the service, without a slash at its end; issuers begin with it. */
  readonly baseUrl: string
  /** Absolute. */
  readonly dataDir: string
  readonly database: { readonly kind: 'embedded' } | { readonly kind: 'server'; readonly url: string }
  readonly redisUrl: string | undefined
  /** SHA-256 of the bootstrap token, which itself is not kept. */
  readonly adminTokenHash: Buffer
  /** Where the bootstrap token lies when it did not come from the environment. */
  readonly adminTokenFile: { readonly path: string; readonly created: boolean } | undefined
  /** The key that seals other keys at rest, 32 bytes. */
  readonly kek: Buffer
  readonly roles: ReadonlySet<Role>
  /** Whether issuers' keys and webhooks may be at private and loopback addresses. */
  readonly allowPrivateAddresses: boolean
  /** Proxies whose `X-Forwarded-*` headers count: addresses and networks; none when empty. */
  readonly trustProxy: readonly string[]
}

/** Everything that is wrong with the environment, each with what to do. Never holds a value that may be a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'invalid_configuration'

  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'))
  }
}

/**
 * Reads the configuration, and makes what the data directory lacks: the bootstrap token (`admin-token`) and the key
 * (`kek`), each in a file of mode 0600.
 *
 * @throws ConfigError
 *
 * @example
 * const config = await loadConfig(process.env)
 */
export async function loadConfig(env: NodeJS.ProcessEnv): Promise<Config> {
  const { values, problems: wrongNames } = readNames(env)
  const problems = [...wrongNames]

  const check = <T>(name: Name, parse: (value: string) => T, absent: T): T => {
    const value = values[name]
    if (value === undefined) return absent
    try {
      return parse(value)
    } catch (error) {
      problems.push(`${name} ${error instanceof Error ? error.message : String(error)}`)
      return absent
    }
  }

  const host = values.COUNTERSIGN_HOST ?? '127.0.0.1'
  const port = check('COUNTERSIGN_PORT', parsePort, 8420)
  const givenUrl = check('COUNTERSIGN_BASE_URL', parseBaseUrl, undefined)
  if (givenUrl === undefined && values.COUNTERSIGN_BASE_URL === undefined && !isLoopback(host)) {
    problems.push(
      `COUNTERSIGN_BASE_URL is required when COUNTERSIGN_HOST is ${host}: the URL under which clients reach the service, ` +
        'such as https://auth.example.com.',
    )
  }
  const databaseUrl = check('DATABASE_URL', parseUrlOf('postgres:', 'postgresql:'), undefined)
  const redisUrl = check('REDIS_URL', parseUrlOf('redis:', 'rediss:'), undefined)
  const roles = check('COUNTERSIGN_ROLES', parseRoles, new Set(ROLES))
  const allowPrivateAddresses = check('COUNTERSIGN_ALLOW_PRIVATE_ADDRESSES', parseBoolean, false)
  const trustProxy = check('COUNTERSIGN_TRUST_PROXY', parseNetworks, [])
  const givenToken = check('COUNTERSIGN_ADMIN_TOKEN', parseAdminToken, undefined)
  const givenKek = check('COUNTERSIGN_KEK', parseKek, undefined)
  if (values.DATABASE_URL !== undefined) {
    for (const name of ['COUNTERSIGN_ADMIN_TOKEN', 'COUNTERSIGN_KEK'] as const) {
      if (values[name] === undefined) problems.push(`${name} is required with DATABASE_URL, the same on every node.`)
    }
  }
  if (problems.length > 0) throw new ConfigError(problems)

  const dataDir = resolve(values.COUNTERSIGN_DATA ?? '.countersign')
  const token = givenToken === undefined ? await tokenFromFile(dataDir) : { value: givenToken, file: undefined }
  return {
    host,
    port,
    baseUrl: givenUrl ?? `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`,
    dataDir,
    database: databaseUrl === undefined ? { kind: 'embedded' } : { kind: 'server', url: databaseUrl },
    redisUrl,
    adminTokenHash: createHash('sha256').update(token.value).digest(),
    adminTokenFile: token.file,
    kek: givenKek ?? (await kekFromFile(dataDir)),
    roles,
    allowPrivateAddresses,
    trustProxy,
  }
}

async function tokenFromFile(dataDir: string) {
  const { value, ...file } = await fromFile(join(dataDir, 'admin-token'))
  try {
    return { value: parseAdminToken(value), file }
  } catch (error) {
    throw new ConfigError([`${file.path} ${error instanceof Error ? error.message : String(error)}`])
  }
}

async function kekFromFile(dataDir: string): Promise<Buffer> {
  const path = join(dataDir, 'kek')
  const exists = (file: string) =>
    access(file).then(
      () => true,
      () => false,
    )
  if (!(await exists(path)) && (await exists(join(dataDir, 'postgres')))) {
    throw new ConfigError([
      `${path} is missing, and without it the keys in ${join(dataDir, 'postgres')} cannot be opened. ` +
        'Restore it from a backup, or set COUNTERSIGN_KEK to the key that was in it.',
    ])
  }
  const { value } = await fromFile(path)
  try {
    return parseKek(value)
  } catch (error) {
    throw new ConfigError([`${path} ${error instanceof Error ? error.message : String(error)}`])
  }
}

async function fromFile(path: string) {
  return secretFile(path).catch((error: unknown) => {
    throw new ConfigError([
      `The data directory cannot be used: ${error instanceof Error ? error.message : String(error)}`,
    ])
  })
}

function parsePort(value: string): number {
  const port = Number(value)
  if (!/^\d{1,5}$/.test(value) || port < 1 || port > 65_535) throw new Error('must be a port from 1 to 65535.')
  return port
}

function parseBaseUrl(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new Error('must be a URL such as https://auth.example.com.')
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '' || url.pathname !== '/') {
    throw new Error('must be scheme, host and port alone: no path, query, fragment or credentials.')
  }
  return url.origin
}

/** Never echoes the URL, which may hold a password. */
function parseUrlOf(...protocols: readonly string[]) {
  return (value: string): string => {
    if (URL.canParse(value) && protocols.includes(new URL(value).protocol)) return value
    throw new Error(`must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}.`)
  }
}

function parseRoles(value: string): ReadonlySet<Role> {
  return new Set(
    list(value).map((name) => {
      const role = ROLES.find((candidate) => candidate === name)
      if (role === undefined) throw new Error(`has the unknown role "${name}"; the roles are ${ROLES.join(', ')}.`)
      return role
    }),
  )
}

function parseBoolean(value: string): boolean {
  if (['true', '1'].includes(value)) return true
  if (['false', '0'].includes(value)) return false
  throw new Error('must be true or false.')
}

function parseNetworks(value: string): readonly string[] {
  return list(value).map((entry) => {
    if (!isNetwork(entry)) throw new Error(`must list addresses or networks such as 10.0.0.0/8; "${entry}" is neither.`)
    return entry
  })
}

function isNetwork(entry: string): boolean {
  const [address = '', prefix, ...rest] = entry.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
}

function parseAdminToken(value: string): string {
  if (value.length < 32) throw new Error('must have at least 32 characters. Make one with: openssl rand -hex 32')
  if (!/^[\x21-\x7e]+$/.test(value)) throw new Error('must be printable ASCII without spaces.')
  return value
}

function parseKek(value: string): Buffer {
  const key = /^[0-9a-f]{64}$/i.test(value) ? Buffer.from(value, 'hex') : Buffer.from(value, 'base64')
  const isText = /^([0-9a-f]{64}|[\w+/-]{43}=?)$/i.test(value)
  if (!isText || key.length !== 32) {
    throw new Error('must be 32 random bytes as base64 or hex. Make one with: openssl rand -base64 32')
  }
  return key
}

function list(value: string): string[] {
  const entries = value.split(',').map((entry) => entry.trim())
  if (entries.some((entry) => entry === '')) throw new Error('must be a comma-separated list.')
  return entries
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

function isLoopback(host: string): boolean {
  if (host === 'localhost') return true
  const family = isIP(host)
  return family !== 0 && LOOPBACK.check(host, family === 4 ? 'ipv4' : 'ipv6')
}
