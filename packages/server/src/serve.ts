import { setFlagsFromString } from 'node:v8'
import type { Logger } from 'pino'
import type { Assembly } from './assemble.js'
import type { Config } from './config.js'
import { openLog } from './log.js'
import type { Connection } from './store/database.js'
import { startEmbedded } from './store/embedded/start-embedded.js'

const STANDARD_OUTPUT = 1

export interface ServeOptions {
  /** Where the service logs; standard output as JSON lines by default. */
  readonly log?: Logger
  /** Stops a start that is under way. */
  readonly signal?: AbortSignal
}

/** A running service. */
export interface Service {
  /** Where it listens: `http://127.0.0.1:8420`. */
  readonly url: string
  /** Lets requests under way finish, records what waits, and stops everything the service started. */
  close(): Promise<void>
}

/**
 * Starts the service and everything it needs, and resolves when it can decide and record.
 *
 * @throws Error that says what could not be started; whatever had started is stopped again
 * @example
 * ```ts
 * const service = await startService(await loadConfig(process.env))
 * console.log(service.url)
 * await service.close()
 * ```
 */
export async function startService(config: Config, options: ServeOptions = {}): Promise<Service> {
  const undo: (() => Promise<unknown>)[] = []
  const { log, logAnswer } = options.log === undefined ? standardLog(undo) : { log: options.log }
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  holdMemory()
  try {
    // Most of a start is loading modules, which PostgreSQL, a process of its own, need not wait for.
    let loading: Promise<typeof import('./assemble.js')> | undefined
    const load = () => {
      loading ??= import('./assemble.js')
      return loading
    }
    const connection = await connect(config, log, options, undo, () => void load().catch(() => {}))
    const { assemble } = await load()
    return { url: await assemble(connection, { config, log, logAnswer, undo }), close }
  } catch (error) {
    await close()
    throw error
  }
}

// Left to itself V8 lets garbage grow to three times what is in use before it looks: up to 250 MB of memory under full load
// and 340 MB with every token new. This makes it 160 MB; twice as much made it 182 after 200 s. V8 reads it at each
// collection, so it may be set while it runs.
function holdMemory(): void {
  setFlagsFromString('--heap-growing-percent=50')
  // V8 takes objects that survive a young collection, as those of a request now and then do, for long-lived and allocates
  // their like as old. Without that 7 % more exchanges, p99 of 16 ms instead of 18, and hardly a collection of the old where
  // there was one or two a second.
  setFlagsFromString('--no-allocation-site-pretenuring')
}

function standardLog(undo: (() => Promise<unknown>)[]): Pick<Assembly, 'log' | 'logAnswer'> {
  const log = openLog(STANDARD_OUTPUT)
  undo.push(log.flush)
  return log
}

async function connect(
  config: Config,
  log: Logger,
  options: ServeOptions,
  undo: (() => Promise<unknown>)[],
  onIdle: () => void,
): Promise<Connection> {
  if (config.database.kind === 'server') return { url: config.database.url }
  const embedded = await startEmbedded({
    dataDir: config.dataDir,
    log: (line) => log.info({ database: line }, 'embedded database'),
    signal: options.signal,
    onIdle,
  })
  undo.push(() => embedded.stop())
  return embedded.connection
}
