import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import { CliError } from '../cli-error.js'
import { type LocalService, startLocalService } from '../commands/serve.js'
import { AdminApi } from '../http/admin-api.js'
import { text } from '../http/request.js'
import type { Io } from '../io.js'
import { type DemoFile, readPrivate } from '../local/files.js'
import { DemoAgent } from './agent.js'
import { POLICY } from './policy.js'
import { seedDemo } from './seed.js'

/** A service of our own with the demo set up in it. */
export interface LocalDemo {
  readonly service: LocalService
  readonly demo: DemoFile
  readonly agent: DemoAgent
  /** The demo zone's issuer. */
  readonly issuer: string
}

/** The terminal is the demo's, so what the service has to say goes to a file. */
function logToFile(dataDir: string): Logger {
  return pino({ level: 'warn' }, pino.destination({ dest: join(dataDir, 'service.log'), mode: 0o600, sync: true }))
}

/** Starts a service as `env` configures it and sets the demo up. It is stopped again when that fails. */
export async function startLocalDemo(io: Io, env: NodeJS.ProcessEnv, policy: string = POLICY): Promise<LocalDemo> {
  const service = await startLocalService(io, env, logToFile)
  try {
    const token = env.COUNTERSIGN_ADMIN_TOKEN || (await readPrivate(join(service.dataDir, 'admin-token')))
    if (token === undefined) throw new CliError('The service has no bootstrap token.')
    const api = new AdminApi(service.url, token, io.signal)
    const demo = await seedDemo(api, service.dataDir, policy)
    const issuer = text(await api.get(`/v1/zones/${demo.zone_id}`), 'issuer')
    const agent = new DemoAgent(service.url, demo.zone_id, demo.application_id, demo.client_secret, io.signal)
    return { service, demo, agent, issuer }
  } catch (error) {
    await service.close()
    throw error
  }
}
