import pg from 'pg'
import { type Connection, clientConfig } from '../store/database.js'
import type { News } from '../store/zone-change.js'

/**
 * News between nodes. It makes caches fresh and waiters quick; nothing is correct only because of it. `gap` tells that
 * news may have been missed (a connection was lost), so listeners look for themselves.
 */
export interface Bus {
  subscribe(listener: BusListener): () => void
  close(): Promise<void>
}

export interface BusListener {
  readonly news: (news: News) => void
  readonly gap?: () => void
}

const RETRY_MS = 250

/** The bus on PostgreSQL's LISTEN and NOTIFY: one connection of its own, replaced whenever it breaks. */
export async function openPostgresBus(connection: Connection, onError: (error: Error) => void): Promise<Bus> {
  const listeners = new Set<BusListener>()
  let client: pg.Client | undefined
  let closed = false
  let retry: NodeJS.Timeout | undefined

  const connect = async (): Promise<void> => {
    const next = new pg.Client(clientConfig(connection))
    let ended = false
    const lost = (error?: Error): void => {
      if (ended) return
      ended = true
      if (client === next) client = undefined
      if (closed) return
      if (error !== undefined) onError(error)
      next.end().catch(() => {})
      scheduleReconnect()
    }
    next.on('error', lost)
    next.on('end', () => lost())
    next.on('notification', (message) => {
      const news = parseNews(message.payload)
      if (news !== undefined) for (const listener of listeners) listener.news(news)
    })
    await next.connect()
    await next.query('LISTEN countersign')
    client = next
  }

  const scheduleReconnect = (): void => {
    retry = setTimeout(() => {
      connect().then(
        () => {
          for (const listener of listeners) listener.gap?.()
        },
        (error: Error) => {
          onError(error)
          if (!closed) scheduleReconnect()
        },
      )
    }, RETRY_MS)
  }

  await connect()
  return {
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async close() {
      closed = true
      clearTimeout(retry)
      listeners.clear()
      await client?.end()
    },
  }
}

function parseNews(payload: string | undefined): News | undefined {
  if (payload === undefined) return undefined
  try {
    const news: unknown = JSON.parse(payload)
    return typeof news === 'object' && news !== null && 'topic' in news ? (news as News) : undefined
  } catch {
    return undefined
  }
}
