import { join, resolve } from 'node:path'
import { text as readAll } from 'node:stream/consumers'
import { CliError, EXIT } from '../cli-error.js'
import { AdminApi } from '../http/admin-api.js'
import type { Io } from '../io.js'
import { dataDirectory, readLocal, readPrivate } from './files.js'

/** Options of every command that talks to a service. */
export interface TargetOptions {
  readonly url?: string
  readonly tokenFile?: string
  readonly data?: string
  readonly zone?: string
}

/** A service, and the zone to look in if one is known. */
export interface Target {
  readonly api: AdminApi
  readonly zone: string | undefined
}

/**
 * Which service to talk to and as whom: what the options say, or else the service that runs on the data directory of this
 * machine, with the approver's token that lies there, or for want of one with the bootstrap token.
 *
 * A token of the data directory is never sent to a service that the options name, and none is ever sent to an address
 * that nobody named: whatever listens there while the service is stopped may be anybody's.
 */
export async function findTarget(io: Io, options: TargetOptions): Promise<Target> {
  const dataDir = dataDirectory(io, options.data)
  const url = options.url ?? (await readLocal(dataDir, 'service.json'))?.url
  if (url === undefined) {
    throw new CliError(
      `No service runs on ${dataDir}. Start it with: npx countersign serve. Or name its directory with --data, or a ` +
        'service and a token with --url and --token-file.',
      EXIT.unreachable,
    )
  }
  if (!URL.canParse(url) || !['http:', 'https:'].includes(new URL(url).protocol)) {
    const source = options.url === undefined ? `The url in ${join(dataDir, 'service.json')}` : '--url'
    throw new CliError(`${source} must be a URL such as https://auth.example.com, not ${url}`, EXIT.usage)
  }
  if (options.tokenFile !== undefined) {
    const token = await readToken(io, options.tokenFile)
    return { api: new AdminApi(url, token, io.signal), zone: options.zone }
  }
  if (options.url !== undefined) {
    throw new CliError('With --url say whose token to use: --token-file FILE, or - for standard input.', EXIT.usage)
  }
  const approver = await readLocal(dataDir, 'approver.json')
  if (approver !== undefined) {
    return { api: new AdminApi(url, approver.token, io.signal), zone: options.zone ?? approver.zone_id }
  }
  const bootstrap = io.env.COUNTERSIGN_ADMIN_TOKEN || (await readPrivate(join(dataDir, 'admin-token')))
  if (bootstrap !== undefined) return { api: new AdminApi(url, bootstrap, io.signal), zone: options.zone }
  throw new CliError(
    `There is no token in ${dataDir}. Run the command where the service runs, name its directory with --data, ` +
      'or name a service and a token with --url and --token-file.',
    EXIT.usage,
  )
}

async function readToken(io: Io, path: string): Promise<string> {
  const token = path === '-' ? (await readAll(process.stdin)).trim() : await readPrivate(resolve(io.cwd, path))
  if (token === undefined) throw new CliError(`${path} does not exist.`, EXIT.usage)
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new CliError(path === '-' ? 'Standard input holds no token.' : `${path} holds no token.`, EXIT.usage)
}
