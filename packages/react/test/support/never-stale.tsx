import type { CheckOptions, Decision, DecisionQuery } from '@countersign/client'
import fc from 'fast-check'
import { type ComponentType, type ReactNode, Suspense, startTransition, use, useEffect, useState } from 'react'
import type { DecisionSource } from '../../src/permission-store.js'

/** Something that renders: React DOM or the test renderer. */
export interface Root {
  render(node: ReactNode): void
  unmount(): void
}

/** What a screen is rendered with: it reports in every render what it shows, of whom. */
export interface ScreenProps {
  readonly user: string | null
  readonly permission: string
  readonly source: DecisionSource
  readonly shows: (user: string | null, permission: string, allowed: boolean) => void
}

/** What a hook is tried in. */
export type Screen = ComponentType<ScreenProps>

/** The world a screen is tried in. */
export interface World {
  readonly newRoot: () => Root
  readonly screen: Screen
  /** How long a grant may be shown, when the screen is expected to end it. */
  readonly ttlMs?: number
  readonly now: () => number
  /** Lets time pass; left out where time is real. */
  readonly advance?: (ms: number) => void
  /** Lets React and promises do what is due. */
  readonly settle: () => Promise<void>
}

const USERS = ['alice', 'bob', null] as const
const PERMISSIONS = ['read', 'write', 'pay'] as const
const VERDICTS = ['granted', 'granted', 'denied', 'step_up', 'failure', 'rejection'] as const

type Command =
  | {
      readonly do: 'ask'
      readonly user: string | null
      readonly permission: string
      readonly how: 'urgent' | 'transition' | 'suspended'
    }
  | { readonly do: 'answer'; readonly which: number; readonly verdicts: readonly (typeof VERDICTS)[number][] }
  | { readonly do: 'open' | 'unmount' | 'mount' | 'idle' }
  | { readonly do: 'wait'; readonly ms: number }

const pick = fc.record({ user: fc.constantFrom(...USERS), permission: fc.constantFrom(...PERMISSIONS) })
const verdicts = fc.array(fc.constantFrom(...VERDICTS), { minLength: 1, maxLength: 3 })
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    arbitrary: fc
      .tuple(pick, fc.constantFrom('urgent' as const, 'transition' as const, 'suspended' as const))
      .map(([asked, how]) => ({ do: 'ask' as const, ...asked, how })),
    weight: 5,
  },
  {
    arbitrary: fc.record({ do: fc.constant('answer' as const), which: fc.nat(5), verdicts }),
    weight: 6,
  },
  {
    arbitrary: fc.constantFrom<Command>({ do: 'open' }, { do: 'unmount' }, { do: 'mount' }, { do: 'idle' }),
    weight: 2,
  },
  { arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(20_000) }), weight: 1 },
)

interface Asked {
  readonly user: string | null
  readonly permission: string
  readonly gate: Promise<void> | undefined
}

interface Waiting {
  readonly queries: readonly DecisionQuery[]
  readonly askedAt: number
  readonly answer: (verdicts: readonly string[]) => void
}

/**
 * The promise: whatever the order of query changes, user switches, transitions, suspended renders, answers, failures and
 * unmounts, `allowed` is never rendered for a user and permission that were not granted, nor longer than it may be.
 */
export function neverStale(world: World, tally: { shownAllowed: number }): fc.IAsyncProperty<[Command[]]> {
  return fc.asyncProperty(fc.array(command, { minLength: 3, maxLength: 30 }), async (commands) => {
    const granted = new Map<string, number>()
    const wrong: string[] = []
    const waiting: Waiting[] = []
    const gates: (() => void)[] = []

    const ask = (queries: readonly DecisionQuery[], { signal }: CheckOptions = {}) =>
      new Promise<readonly Decision[]>((resolve, reject) => {
        const one: Waiting = {
          queries,
          askedAt: world.now(),
          answer: (verdicts) => {
            waiting.splice(waiting.indexOf(one), 1)
            if (verdicts[0] === 'rejection') return reject(new Error('the source itself failed'))
            resolve(queries.map((query, i) => decided(query, verdicts[i % verdicts.length] ?? 'denied', one.askedAt)))
          },
        }
        waiting.push(one)
        signal?.addEventListener('abort', () => one.answer(['failure']))
      })
    const decided = (query: DecisionQuery, verdict: string, askedAt: number): Decision => {
      const facts = { decisionId: null, policyVersion: 1, aalSource: null, matched: [], explanation: [] }
      if (verdict === 'granted') {
        const key = `${query.subject?.id} ${query.permission}`
        granted.set(key, Math.max(askedAt, granted.get(key) ?? 0))
        return { status: 'granted', ...facts }
      }
      if (verdict === 'denied') return { status: 'denied', ...facts }
      if (verdict === 'failure') return { status: 'unavailable', reason: 'transport' }
      return { status: 'step_up', requiredAal: 'aal2', maxAge: null, challengeType: 'mfa', ...facts }
    }
    const source: DecisionSource = {
      check: async (query, options) =>
        (await ask([query], options))[0] ?? { status: 'unavailable', reason: 'transport' },
      checkBatch: ask,
    }
    const shows = (user: string | null, permission: string, allowed: boolean) => {
      if (!allowed) return
      tally.shownAllowed += 1
      const askedAt = granted.get(`${user} ${permission}`)
      if (askedAt === undefined) wrong.push(`${user} was shown ${permission} without a grant`)
      else if (world.ttlMs !== undefined && world.now() - askedAt >= world.ttlMs) {
        wrong.push(`${user} was shown ${permission} after its grant had ended`)
      }
    }

    let asked: Asked = { user: 'alice', permission: 'read', gate: undefined }
    const stage: Stage = { screen: world.screen, source, shows, ask: () => {} }
    let root: Root | undefined
    const mount = () => {
      root ??= world.newRoot()
      root.render(<App first={asked} stage={stage} />)
    }
    mount()
    await world.settle()
    for (const command of commands) {
      switch (command.do) {
        case 'ask': {
          const gate = command.how === 'suspended' ? new Promise<void>((resolve) => gates.push(resolve)) : undefined
          asked = { user: command.user, permission: command.permission, gate }
          if (command.how === 'urgent') stage.ask(asked)
          else startTransition(() => stage.ask(asked))
          break
        }
        case 'answer':
          waiting[command.which % Math.max(waiting.length, 1)]?.answer(command.verdicts)
          break
        case 'open':
          for (const open of gates.splice(0)) open()
          break
        case 'unmount':
          root?.unmount()
          root = undefined
          break
        case 'mount':
          mount()
          break
        case 'wait':
          world.advance?.(command.ms)
          break
      }
      await world.settle()
      if (wrong.length > 0) break
    }
    root?.unmount()
    await world.settle()
    if (wrong.length > 0) throw new Error(wrong[0])
  })
}

interface Stage extends Pick<ScreenProps, 'source' | 'shows'> {
  readonly screen: Screen
  ask: (asked: Asked) => void
}

function App({ first, stage }: { first: Asked; stage: Stage }): ReactNode {
  const [asked, setAsked] = useState(first)
  useEffect(() => {
    stage.ask = setAsked
  }, [stage])
  return (
    <Suspense fallback={null}>
      <stage.screen user={asked.user} permission={asked.permission} source={stage.source} shows={stage.shows} />
      <Gate until={asked.gate} />
    </Suspense>
  )
}

function Gate({ until }: { until: Promise<void> | undefined }): ReactNode {
  if (until) use(until)
  return null
}
