import type { Logger } from 'pino'
import type { IssuerKeys } from '../authority/issuer-keys/issuer-keys.js'
import type { SessionAnchors } from '../authority/session-anchors.js'
import type { Application, Snapshots, ZoneSnapshot } from '../authority/snapshot.js'
import type { CommitItem } from '../commit/item.js'
import type { CommitQueue } from '../commit/queue.js'
import type { Clock } from '../store/clock.js'
import type { Db } from '../store/database.js'
import type { Sealer } from '../store/seal.js'
import type { TokenRequest } from './request.js'

/** What the exchange works with. */
export interface ExchangeDeps {
  readonly db: Db
  readonly clock: Clock
  readonly sealer: Sealer
  readonly snapshots: Snapshots
  readonly sessions: SessionAnchors
  readonly issuerKeys: IssuerKeys
  readonly commit: CommitQueue
  readonly baseUrl: string
  readonly log: Logger
  /** Told after a challenge with a webhook has been committed. */
  readonly onWebhook: () => void
}

/** Where a request came from. */
export interface RequestOrigin {
  readonly requestId: string
  readonly ip: string
  readonly traceId: string | undefined
  /** Told of the application once it has been authenticated. */
  readonly onCaller?: (application: Application) => void
}

/** One attempt at a request: the state of the world it is computed from. Times in milliseconds. */
export interface Attempt {
  readonly request: TokenRequest
  readonly origin: RequestOrigin
  readonly snapshot: ZoneSnapshot
  readonly application: Application
  /** A client assertion's once-only value, to be recorded with whatever comes of the request. */
  readonly once: CommitItem['once']
  readonly now: number
}
