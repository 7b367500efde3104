import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PORT, type Postmaster, type PostmasterOptions, startPostmaster } from './postmaster.js'

/** A server that is started again whenever it dies; the socket stays where it is, so connections can be made anew. */
export interface SupervisedServer {
  stop(): Promise<void>
}

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 5_000
const STEADY_MS = 60_000

/** Starts the server, and starts it again each time it ends unasked. @throws EmbeddedError when the first start fails. */
export async function superviseServer(options: PostmasterOptions): Promise<SupervisedServer> {
  const stopping = new AbortController()
  let current: Postmaster | undefined = await startPostmaster(options)

  const keepRunning = async () => {
    let pauseMs = FIRST_PAUSE_MS
    while (!stopping.signal.aborted) {
      const startedAt = performance.now()
      const how = await current?.ended
      if (stopping.signal.aborted) return
      if (how !== undefined) options.log(`the database server ended (${how}); starting it again`)
      if (performance.now() - startedAt > STEADY_MS) pauseMs = FIRST_PAUSE_MS
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => {})
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
      current = await restart()
    }
  }

  const restart = async (): Promise<Postmaster | undefined> => {
    const socket = join(options.socketDirectory, `.s.PGSQL.${PORT}`)
    await rm(socket, { force: true })
    await rm(`${socket}.lock`, { force: true })
    try {
      return await startPostmaster({ ...options, signal: stopping.signal })
    } catch (error) {
      if (!stopping.signal.aborted) options.log(error instanceof Error ? error.message : String(error))
      return undefined
    }
  }

  const running = keepRunning()
  return {
    stop: async () => {
      stopping.abort()
      await current?.stop()
      await running
      await current?.stop()
    },
  }
}
