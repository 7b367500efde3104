import ipaddr from 'ipaddr.js'
import { createEvent, type LedgerEvent, Personal } from '../ledger/event.js'

const MINUTE_MS = 60_000
const RECORDED_EACH = 10
const MOST_SOURCES = 10_000

/** A caller that could not be authenticated. `now` in milliseconds. */
export interface Stranger {
  readonly zoneId: string
  readonly ip: string
  readonly reason: string
  readonly endpoint: string
  readonly requestId: string
  readonly now: number
}

interface Tally {
  readonly zoneId: string
  readonly source: string
  count: number
}

/**
 * Keeps strangers from filling a zone's ledger: of the failures before a caller is authenticated the first ten of each
 * zone, source and minute are events of their own, the rest one counted summary when the minute is over.
 */
export class Strangers {
  #minute = 0
  #tallies = new Map<string, Tally>()
  /** Of minutes that are over, to be summed up. */
  #over: Tally[] = []

  /** What to record of a failure: the event, or nothing because it was only counted. */
  failure(failure: Stranger): LedgerEvent | undefined {
    const minute = Math.floor(failure.now / MINUTE_MS)
    if (minute !== this.#minute) this.#turn(minute)
    const source = this.#tallies.size < MOST_SOURCES ? sourceOf(failure.ip) : 'other'
    const key = `${failure.zoneId} ${source}`
    const tally = this.#tallies.get(key) ?? { zoneId: failure.zoneId, source, count: 0 }
    tally.count++
    this.#tallies.set(key, tally)
    if (tally.count > RECORDED_EACH) return undefined
    const { zoneId, now, reason, endpoint, requestId } = failure
    const fields = {
      type: 'client_authentication',
      outcome: 'failed',
      reason,
      endpoint,
      request_id: requestId,
      source: new Personal(source),
    } as const
    return createEvent({ zoneId, now, fields })
  }

  /** The summaries of the minutes that are over; of the running one too when `all`. */
  summaries(now: number, all = false): LedgerEvent[] {
    const minute = Math.floor(now / MINUTE_MS)
    if (minute !== this.#minute || all) this.#turn(minute)
    const over = this.#over
    this.#over = []
    return over.map(({ zoneId, source, count }) => {
      const fields = {
        type: 'client_authentication',
        outcome: 'failed',
        reason: 'summary',
        count: count - RECORDED_EACH,
        source: new Personal(source),
      } as const
      return createEvent({ zoneId, now, fields })
    })
  }

  #turn(minute: number): void {
    this.#minute = minute
    for (const tally of this.#tallies.values()) if (tally.count > RECORDED_EACH) this.#over.push(tally)
    this.#tallies = new Map()
  }
}

// A single host commands a whole /64, so its addresses count as one.
function sourceOf(ip: string): string {
  if (!ipaddr.isValid(ip)) return 'unknown'
  const address = ipaddr.process(ip)
  if (address.kind() === 'ipv4') return address.toString()
  return `${(address as ipaddr.IPv6).parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':')}::/64`
}
