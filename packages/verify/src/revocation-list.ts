import type { Mandate } from './mandate.js'

/**
 * One revocation, as a feed tells it. Mandates issued up to `at` (milliseconds since the epoch; default: when it is
 * added) are refused when they stand on what it names, be it their own or any of their actors'.
 */
export interface Revocation {
  readonly kind: 'mandate' | 'session' | 'agent_session' | 'delegation_edge' | 'application' | 'subject'
  readonly id: string
  readonly at?: number | undefined
}

/** Settings of a {@link RevocationList}. Times are in milliseconds. */
export interface RevocationListOptions {
  /**
   * The longest the feed may be silent, heartbeats included. After that nothing can be said, and requests are refused
   * with 503 until it speaks again. Default: it may be silent for ever.
   */
  readonly maxSilenceMs?: number | undefined
  readonly now?: (() => number) | undefined
}

// No mandate lives longer than an hour, so what was revoked before that is expired anyway.
const LONGEST_LIFE_MS = 3_600_000
// The issuer's clock may be ahead of whoever said when the revocation was; a mandate from before must not look newer.
const SKEW_MS = 5_000

/**
 * What was revoked lately, from whatever feed of events an app subscribes to. It forgets what no living mandate can be
 * about, so it stays as small as the last hour's revocations.
 *
 * @example
 * ```ts
 * const revoked = new RevocationList({ maxSilenceMs: 30_000 })
 * feed.on('revoked', (event) => revoked.add({ kind: 'session', id: event.sessionId }))
 * feed.on('heartbeat', () => revoked.heard())
 * const verifier = new MandateVerifier({ issuer, resource, revocation: revoked.check })
 * ```
 */
export class RevocationList {
  readonly #revoked = new Map<string, number>()
  readonly #now: () => number
  readonly #maxSilenceMs: number
  #heardAt: number
  #sweptAt: number

  constructor(options: RevocationListOptions = {}) {
    this.#now = options.now ?? Date.now
    this.#maxSilenceMs = options.maxSilenceMs ?? Number.POSITIVE_INFINITY
    this.#heardAt = this.#sweptAt = this.#now()
  }

  /** Takes a revocation up. Telling the same twice changes nothing; the later `at` counts. */
  add({ kind, id, at = this.#now() }: Revocation): void {
    this.heard()
    const key = `${kind} ${id}`
    this.#revoked.set(key, Math.max(at, this.#revoked.get(key) ?? 0))
    this.#sweep()
  }

  /** The feed has been heard of. */
  heard(): void {
    this.#heardAt = this.#now()
  }

  /** How many revocations are remembered. */
  get size(): number {
    return this.#revoked.size
  }

  /** Whether a mandate has been revoked. Hand it to a verifier as `revocation`. */
  readonly check = (mandate: Mandate): boolean => {
    if (this.#now() - this.#heardAt > this.#maxSilenceMs) throw new Error('The feed of revocations is silent.')
    return namesOf(mandate).some((name) => {
      const at = this.#revoked.get(name)
      return at !== undefined && mandate.issuedAt * 1000 <= at + SKEW_MS
    })
  }

  #sweep(): void {
    const now = this.#now()
    if (now - this.#sweptAt < LONGEST_LIFE_MS / 60) return
    this.#sweptAt = now
    for (const [key, at] of this.#revoked) {
      if (now - at > LONGEST_LIFE_MS + SKEW_MS) this.#revoked.delete(key)
    }
  }
}

/** All that a mandate stands on: what it names itself, and what each actor of its chain stands on. */
function namesOf(mandate: Mandate): string[] {
  const names: [kind: Revocation['kind'], id: string | undefined][] = [
    ['mandate', mandate.id],
    ['session', mandate.sessionId],
    ['session', mandate.rootSessionId],
    ['application', mandate.clientId],
    ['subject', mandate.subject],
    ['agent_session', mandate.agentSessionId],
    ['delegation_edge', mandate.delegationEdgeId],
  ]
  for (let actor = mandate.actor; actor !== undefined; actor = actor.actsFor) {
    names.push(['session', actor.sessionId], ['application', actor.clientId], ['subject', actor.subject])
  }
  return names.flatMap(([kind, id]) => (id === undefined ? [] : [`${kind} ${id}`]))
}
