import type { EntityRef } from '@countersign/client'
import { createContext, type ReactNode, useContext, useEffect, useMemo } from 'react'
import { type DecisionSource, PermissionStore } from './permission-store.js'
import type { ChallengeSource } from './step-up-run.js'
import { browserWakeSource, isPageVisible, type WakeSource } from './visibility.js'

/** What the tree below is told. */
export interface CountersignProviderProps {
  /** Answers the questions: a `DecisionClient`. Keep it the same between renders. */
  readonly client: DecisionSource
  /** Who is signed in, `null` for nobody. Every question is about this subject unless it names another. */
  readonly subject: EntityRef | null
  /** Tells two sessions of one subject apart. Answers of one are never shown in the other. */
  readonly session?: string | undefined
  /** Waits for challenges and withdraws them: an `OAuthClient`. Needed for `useStepUp`. */
  readonly oauth?: ChallengeSource | undefined
  /** How long a grant is shown without being confirmed, in milliseconds, at least 1,000. Default one minute. */
  readonly ttlMs?: number | undefined
  /** When to confirm everything at once. Default: the browser's focus and visibility. Pass `AppState` in React Native. */
  readonly wakeSource?: WakeSource | undefined
  readonly children?: ReactNode
}

interface CountersignContext {
  readonly store: PermissionStore
  readonly subject: EntityRef | null
  readonly session: string | undefined
  readonly oauth: ChallengeSource | undefined
}

const Context = createContext<CountersignContext | undefined>(undefined)

/**
 * Tells the hooks below who is signed in and whom to ask.
 *
 * @example
 * ```tsx
 * const app = (
 *   <CountersignProvider client={decisions} oauth={oauth} subject={{ type: 'user', id: 'alice' }}>
 *     <TransferButton />
 *   </CountersignProvider>
 * )
 * ```
 */
export function CountersignProvider(props: CountersignProviderProps): ReactNode {
  const { client, subject, session, oauth, wakeSource = browserWakeSource, children } = props
  const ttlMs = Math.max(props.ttlMs ?? 60_000, 1_000)
  const store = useMemo(
    () => new PermissionStore(client, { ttlMs, now: Date.now, isVisible: isPageVisible }),
    [client, ttlMs],
  )
  useEffect(() => wakeSource(() => store.wake()), [store, wakeSource])
  const value = useMemo(() => ({ store, subject, session, oauth }), [store, subject, session, oauth])
  return <Context value={value}>{children}</Context>
}

/** What the nearest provider says. */
export function useCountersign(): CountersignContext {
  const context = useContext(Context)
  if (!context) throw new Error('Countersign hooks need a <CountersignProvider> above them.')
  return context
}

/**
 * Answers a function that asks everything on the screen again, for instance after something happened that changes what
 * the user may do. A step-up of `useStepUp` does it by itself.
 */
export function useRevalidate(): () => void {
  const { store } = useCountersign()
  return useMemo(() => () => store.revalidate(), [store])
}
