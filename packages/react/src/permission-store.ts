import type { CheckOptions, Decision, DecisionQuery } from '@countersign/client'
import { PENDING, type PermissionState, stateOf } from './permission-state.js'
import type { Question } from './question.js'

/** What the hooks need of a `DecisionClient`. */
export interface DecisionSource {
  check(query: DecisionQuery, options?: CheckOptions): Promise<Decision>
  checkBatch(queries: readonly DecisionQuery[], options?: CheckOptions): Promise<readonly Decision[]>
  clearCache?(): void
}

/** What a hook subscribes to: the states of its questions, in their order. The same states are the same array. */
export interface Selection {
  readonly subscribe: (listener: () => void) => () => void
  readonly read: () => readonly PermissionState[]
  readonly readOnServer: () => readonly PermissionState[]
}

/** Settings of a {@link PermissionStore}. */
export interface StoreOptions {
  /** How long a grant is shown without being confirmed, in milliseconds. */
  readonly ttlMs: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Whether somebody may be looking; while nobody is, grants expire but nothing is asked. */
  readonly isVisible: () => boolean
}

interface Entry {
  readonly query: DecisionQuery
  readonly listeners: Set<() => void>
  state: PermissionState
  /** When a grant ends. */
  expiresAt: number
  /** When to ask again. */
  refreshAt: number
  /** The request whose answer counts; any other is too old. */
  flight: Flight | undefined
}

interface Flight {
  readonly controller: AbortController
  readonly entries: Set<Entry>
}

// Asked again before the grant ends, so that in a quiet life it never ends on the screen.
const REFRESH_AT = 0.8
const RETRY_MS = 1_000

/**
 * The answers on the screen, each under its own question and user. A render reads the answer to the question it renders;
 * there is nothing to reset when the question changes, and so no moment at which an old answer is still there.
 *
 * An answer lives as long as somebody shows it. Questions that are asked in one turn go out in one batch.
 */
export class PermissionStore {
  readonly #source: DecisionSource
  readonly #options: StoreOptions
  readonly #entries = new Map<string, Entry>()
  #queue = new Set<Entry>()
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(source: DecisionSource, options: StoreOptions) {
    this.#source = source
    this.#options = options
  }

  /** The states of some questions, to subscribe to and to read. */
  select(questions: readonly Question[]): Selection {
    let last: readonly PermissionState[] = questions.map((question) =>
      question.key === null ? question.answer : PENDING,
    )
    const onServer = last
    return {
      subscribe: (listener) => this.#subscribe(questions, listener),
      read: () => {
        const states = questions.map((question) => this.#read(question))
        if (states.some((state, i) => state !== last[i])) last = states
        return last
      },
      readOnServer: () => onServer,
    }
  }

  /** Asks everything again that is on the screen. Answers that are already under way no longer count. */
  revalidate(): void {
    this.#source.clearCache?.()
    for (const entry of this.#entries.values()) {
      this.#leave(entry)
      this.#ask(entry)
    }
  }

  /** Asks everything again that is on the screen and not being asked already; ends what ended meanwhile. */
  wake(): void {
    for (const entry of this.#entries.values()) entry.refreshAt = 0
    this.#tick()
  }

  // Time is looked at here too: after a sleep a render may come before the timer.
  #read(question: Question): PermissionState {
    if (question.key === null) return question.answer
    const entry = this.#entries.get(question.key)
    return entry && !this.#hasEnded(entry) ? entry.state : PENDING
  }

  #subscribe(questions: readonly Question[], listener: () => void): () => void {
    const joined = questions.flatMap((question) => {
      if (question.key === null) return []
      const entry = this.#entries.get(question.key) ?? this.#open(question.key, question.query)
      entry.listeners.add(listener)
      return [{ key: question.key, entry }]
    })
    return () => {
      for (const { entry } of joined) entry.listeners.delete(listener)
      // Not at once: a component that changes one of several questions leaves and joins the others in one turn.
      Promise.resolve().then(() => {
        for (const { key, entry } of joined) {
          if (entry.listeners.size === 0 && this.#entries.get(key) === entry) this.#close(key, entry)
        }
      })
    }
  }

  #open(key: string, query: DecisionQuery): Entry {
    const entry: Entry = { query, listeners: new Set(), state: PENDING, expiresAt: 0, refreshAt: 0, flight: undefined }
    this.#entries.set(key, entry)
    this.#ask(entry)
    return entry
  }

  #close(key: string, entry: Entry): void {
    this.#entries.delete(key)
    this.#queue.delete(entry)
    this.#leave(entry)
    this.#schedule()
  }

  #leave(entry: Entry): void {
    const { flight } = entry
    entry.flight = undefined
    flight?.entries.delete(entry)
    if (flight?.entries.size === 0) flight.controller.abort()
  }

  #ask(entry: Entry): void {
    if (this.#queue.size === 0) Promise.resolve().then(() => this.#send())
    this.#queue.add(entry)
  }

  async #send(): Promise<void> {
    const entries = [...this.#queue].filter((entry) => entry.flight === undefined)
    this.#queue = new Set()
    const [first] = entries
    if (!first) return
    const flight: Flight = { controller: new AbortController(), entries: new Set(entries) }
    for (const entry of entries) entry.flight = flight
    const askedAt = this.#options.now()
    const options = { signal: flight.controller.signal }
    const decisions = await (entries.length === 1
      ? this.#source.check(first.query, options).then((decision) => [decision])
      : this.#source.checkBatch(
          entries.map(({ query }) => query),
          options,
        )
    ).catch((): readonly Decision[] => [])
    entries.forEach((entry, i) => {
      if (entry.flight !== flight) return
      entry.flight = undefined
      this.#settle(entry, decisions[i] ?? { status: 'unavailable', reason: 'transport' }, askedAt)
    })
    this.#schedule()
  }

  #settle(entry: Entry, decision: Decision, askedAt: number): void {
    const { ttlMs, now } = this.#options
    if (decision.status === 'unavailable' && entry.state.status === 'granted' && !this.#hasEnded(entry)) {
      // It could not be confirmed, but it has not ended either; then it does, unless asking again helps.
      entry.refreshAt = Math.min(now() + RETRY_MS, entry.expiresAt)
      return
    }
    entry.expiresAt = askedAt + ttlMs
    entry.refreshAt = askedAt + ttlMs * REFRESH_AT
    this.#show(entry, stateOf(decision))
  }

  #hasEnded(entry: Entry): boolean {
    return entry.state.status === 'granted' && this.#options.now() >= entry.expiresAt
  }

  #show(entry: Entry, state: PermissionState): void {
    entry.state = state
    for (const listener of [...entry.listeners]) listener()
  }

  #tick(): void {
    const { now, isVisible } = this.#options
    for (const entry of this.#entries.values()) {
      if (this.#hasEnded(entry)) this.#show(entry, PENDING)
      if (entry.flight || now() < entry.refreshAt) continue
      // Either its answer says when to ask again, or waking does.
      entry.refreshAt = Number.POSITIVE_INFINITY
      if (isVisible()) this.#ask(entry)
    }
    this.#schedule()
  }

  // One timer for all: what was asked together is asked again together.
  #schedule(): void {
    clearTimeout(this.#timer)
    let next = Number.POSITIVE_INFINITY
    for (const { flight, state, expiresAt, refreshAt } of this.#entries.values()) {
      if (state.status === 'granted') next = Math.min(next, expiresAt)
      if (!flight) next = Math.min(next, refreshAt)
    }
    if (next === Number.POSITIVE_INFINITY) return
    this.#timer = setTimeout(() => this.#tick(), Math.min(Math.max(next - this.#options.now(), 0), 2_147_483_647))
  }
}
