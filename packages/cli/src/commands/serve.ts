import { resolve } from 'node:path'
import { type Config, ConfigError, loadConfig, startService } from '@countersign/server'
import type { Logger } from 'pino'
import { CliError, EXIT, type ExitCode } from '../cli-error.js'
import type { Io } from '../io.js'
import { describeDatabase, describeDatabaseError } from '../local/database.js'
import { makeDirectory, readPrivate, removeLocal, writeLocal } from '../local/files.js'

/** Runs the service until Ctrl-C or SIGTERM, then drains it. */
export async function serve(io: Io): Promise<ExitCode> {
  const service = await startLocalService(io, io.env)
  // Standard output is the log's.
  io.err(`Countersign serves ${io.errStyle.bold(service.url)}, with its data in ${service.dataIn}.`)
  if (service.newTokenFile !== undefined) {
    io.err(`Its bootstrap token is new, and lies in ${service.newTokenFile}`)
    if (io.interactive) io.err(`  ${io.errStyle.bold((await readPrivate(service.newTokenFile)) ?? '')}`)
  }
  await ended(io.signal)
  io.err('Stopping: requests in flight are finished first.')
  await service.close()
  return EXIT.done
}

export interface LocalService {
  readonly url: string
  readonly dataDir: string
  /** Where what it keeps lies, in words: the data directory, or a database of one's own. */
  readonly dataIn: string
  /** Of a bootstrap token made just now. */
  readonly newTokenFile: string | undefined
  close(): Promise<void>
}

/** Starts the service with the configuration that `env` says, and notes in its data directory where it is. */
export async function startLocalService(
  io: Io,
  env: NodeJS.ProcessEnv,
  logTo: (dataDir: string) => Logger | undefined = () => undefined,
): Promise<LocalService> {
  let config: Config | undefined
  try {
    await makeDirectory(resolve(env.COUNTERSIGN_DATA || '.countersign'))
    config = await loadConfig(env)
    const log = logTo(config.dataDir)
    const service = await startService(config, { signal: io.signal, ...(log !== undefined && { log }) })
    const { dataDir, adminTokenFile, database } = config
    await writeLocal(dataDir, 'service.json', { url: service.url, pid: process.pid })
    return {
      url: service.url,
      dataDir,
      dataIn: database.kind === 'server' ? `the database at ${describeDatabase(database.url)}` : dataDir,
      newTokenFile: adminTokenFile?.created === true ? adminTokenFile.path : undefined,
      close: async () => {
        await removeLocal(dataDir, 'service.json')
        await service.close()
      },
    }
  } catch (error) {
    throw explain(error, config)
  }
}

function explain(error: unknown, config: Config | undefined): unknown {
  if (error instanceof ConfigError) return new CliError(error.message, EXIT.usage)
  // The embedded database's failures are said in whole sentences.
  if (error instanceof Error && error.name === 'EmbeddedError') return new CliError(error.message)
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') {
    return new CliError(`Port ${config?.port} is taken. Choose another with COUNTERSIGN_PORT.`, EXIT.failed)
  }
  const trouble = config?.database.kind === 'server' ? describeDatabaseError(error, config.database.url) : undefined
  return trouble === undefined ? error : new CliError(trouble)
}

export function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    // A timer keeps the process alive even if nothing else does.
    const awake = setInterval(() => {}, 60_000)
    signal.addEventListener('abort', () => {
      clearInterval(awake)
      resolve()
    })
  })
}
