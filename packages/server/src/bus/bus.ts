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
    let open = true
    // Whatever ends a connection, and however often it says so, is one loss and one reconnect.
    const lose = (error?: Error): boolean => {
      if (!open) return false
      open = false
      if (client === next) client = undefined
      next.end().catch(() => {})
      if (error !== undefined && !closed) onError(error)
      return true
    }
    next.on('error', (error) => {
      if (lose(error) && listening) reconnectSoon()
    })
    next.on('end', () => {
      if (lose() && listening) reconnectSoon()
    })
    next.on('notification', (message) => {
      const news = parseNews(message.payload)
      if (news !== undefined) for (const listener of listeners) listener.news(news)
    })
    let listening = false
    try {
      await next.connect()
      await next.query('LISTEN countersign')
    } catch (error) {
      lose()
      throw error
    }
    if (!open) throw new Error('the connection was lost as it was made')
    listening = true
    if (closed) lose()
    else client = next
  }

  const reconnectSoon = (): void => {
    if (closed) return
    retry = setTimeout(() => {
      connect().then(
        () => {
          for (const listener of listeners) listener.gap?.()
        },
        (error: Error) => {
          if (!closed) onError(error)
          reconnectSoon()
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
