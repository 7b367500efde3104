import type { Logger } from 'pino'
import { openWebhookSecret } from '../../authority/settings/webhook-secret.js'
import type { Snapshots } from '../../authority/snapshot.js'
import { GuardedAgent } from '../../outbound/guarded-agent.js'
import type { Db } from '../../store/database.js'
import type { Sealer } from '../../store/seal.js'
import { deliver } from './deliver.js'
import { claimMessages, type OutboxMessage, postponeMessage, removeMessage } from './queries.js'

export interface WebhookDeps {
  readonly db: Db
  readonly sealer: Sealer
  readonly snapshots: Snapshots
  readonly log: Logger
  readonly allowPrivateAddresses: boolean
  /** A number from 0 to 1, for the scatter of retries. */
  readonly random?: () => number
}

const AT_ONCE = 16
const PER_ZONE = 4
const LEASE_SECONDS = 30
const IDLE_MS = 1_000
const FIRST_RETRY_MS = 5_000
const LONGEST_RETRY_MS = 60 * 60_000
const GIVE_UP_MS = 24 * 60 * 60_000

/**
 * Milliseconds until the next attempt after `attempts` of them failed: twice as long each time, from 5 s to an hour, a
 * quarter more or less so that receivers that were down are not met by everything at once.
 */
export function retryDelay(attempts: number, random: () => number): number {
  const steady = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempts - 1))
  return Math.round(steady * (0.75 + random() / 2))
}

/**
 * Delivers the outbox: every message at least once, to be told apart by its id, until it is received or 24 hours old.
 * Every node has one of these, and they never take the same message at the same time.
 */
export class WebhookWorker {
  readonly #agent
  readonly #stopping = new AbortController()
  readonly #underWay = new Map<Promise<void>, string>()
  #timer: NodeJS.Timeout | undefined
  #pumping: Promise<void> | undefined
  #again = false

  constructor(private readonly deps: WebhookDeps) {
    this.#agent = new GuardedAgent({ allowPrivateAddresses: deps.allowPrivateAddresses })
  }

  start(): void {
    this.#timer = setInterval(() => this.wake(), IDLE_MS).unref()
    this.wake()
  }

  /** Looks for messages now: whoever has just committed one need not wait for the next look. */
  wake(): void {
    if (this.#stopping.signal.aborted) return
    if (this.#pumping !== undefined) {
      this.#again = true
      return
    }
    this.#pumping = this.#pump()
      .catch((error: unknown) => this.deps.log.warn({ err: error }, 'the webhook outbox could not be read'))
      .finally(() => {
        this.#pumping = undefined
        if (this.#again) {
          this.#again = false
          this.wake()
        }
      })
  }

  /** Stops; what is under way is given back, for another node or the next start. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopping.abort()
    await this.#pumping
    await Promise.all(this.#underWay.keys())
    await this.#agent.destroy()
  }

  async #pump(): Promise<void> {
    const free = AT_ONCE - this.#underWay.size
    if (free <= 0) return
    const claim = { limit: free, perZone: PER_ZONE, except: this.#busyZones(), leaseSeconds: LEASE_SECONDS }
    for (const message of await claimMessages(this.deps.db, claim)) this.#take(message)
  }

  #take(message: OutboxMessage): void {
    const work = this.#attempt(message)
      // The lease gives the message back.
      .catch((error: unknown) => this.deps.log.warn({ err: error, zone_id: message.zoneId }, 'a webhook broke off'))
      .finally(() => {
        this.#underWay.delete(work)
        // There may be more of what was put aside for want of room.
        this.wake()
      })
    this.#underWay.set(work, message.zoneId)
  }

  async #attempt(message: OutboxMessage): Promise<void> {
    const { db, sealer, snapshots, log } = this.deps
    const { zoneId, id, attempts } = message
    const webhook = (await snapshots.current(zoneId))?.settings.webhook
    // Nobody wants to be told any more, or the zone is gone.
    if (webhook === undefined) return removeMessage(db, message)
    const end = await deliver(
      {
        url: webhook.url,
        secret: openWebhookSecret(sealer, zoneId, webhook.secret_sealed),
        id,
        body: message.payload,
        timestamp: Math.floor(message.now / 1000),
      },
      { agent: this.#agent, allowHttp: this.deps.allowPrivateAddresses, signal: this.#stopping.signal },
    )
    if (end.kind === 'delivered') return removeMessage(db, message)
    if (this.#stopping.signal.aborted) return postponeMessage(db, message, 0)
    const said = { zone_id: zoneId, challenge_id: id, attempts, reason: end.reason }
    if (message.now - message.createdAt >= GIVE_UP_MS) {
      log.error(said, 'a webhook was not received for 24 hours and is given up')
      return removeMessage(db, message)
    }
    log.warn(said, 'a webhook was not received and will be sent again')
    await postponeMessage(db, message, retryDelay(attempts, this.deps.random ?? Math.random))
  }

  #busyZones(): string[] {
    const counts = new Map<string, number>()
    for (const zoneId of this.#underWay.values()) counts.set(zoneId, (counts.get(zoneId) ?? 0) + 1)
    return [...counts].filter(([, count]) => count >= PER_ZONE).map(([zoneId]) => zoneId)
  }
}
