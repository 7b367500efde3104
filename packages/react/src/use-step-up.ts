import { AbortedError, CountersignError, queryKey } from '@countersign/client'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { useCountersign } from './provider.js'
import { runStepUp, type SteppedCall, type StepUpProgress } from './step-up-run.js'

/** Where a step-up stands. */
export type StepUpState =
  | { readonly status: 'idle' }
  | StepUpProgress
  | { readonly status: 'succeeded' }
  | { readonly status: 'failed'; readonly error: unknown }

/** A step-up and how to drive it. */
export interface StepUpControl {
  readonly state: StepUpState
  /**
   * Makes a call and drives whatever step-up it meets: waits, then makes it again with the satisfied challenge. Answers
   * what the call answers. When it has, everything on the screen is asked again.
   *
   * @throws CountersignError `step_up_busy` when one is running, `aborted` when it was cancelled, or what the call throws.
   */
  readonly run: <T>(call: SteppedCall<T>) => Promise<T>
  /** Ends the running step-up, here and at the service. */
  readonly cancel: () => void
}

const IDLE: StepUpState = { status: 'idle' }

/**
 * Drives step-ups from a component. Leaving the screen or switching the user cancels.
 *
 * @example
 * ```tsx
 * const { state, run, cancel } = useStepUp()
 * const verify = () =>
 *   run(async ({ challenge, signal }) => {
 *     const pause = readPause(await askBackend('/raise', challenge, signal))
 *     if (pause) throw pause
 *   })
 * const prompt = state.status === 'challenged' && <button onClick={cancel}>Confirm on your phone, or cancel</button>
 * ```
 */
export function useStepUp(): StepUpControl {
  const { store, oauth, subject, session } = useCountersign()
  // Whose step-up it is: what is known of one user's must not be shown to the next.
  const owner = useMemo(
    () => JSON.stringify([session ?? null, queryKey({ subject, permission: '-' })]),
    [subject, session],
  )
  const [known, setKnown] = useState({ owner, state: IDLE })
  const running = useRef<AbortController | undefined>(undefined)
  const current = useRef({ store, oauth, owner })

  useEffect(() => {
    current.current = { store, oauth, owner }
  }, [store, oauth, owner])

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new owner ends what the last one began
  useEffect(() => () => running.current?.abort(), [owner])

  const run = useCallback(async <T>(call: SteppedCall<T>): Promise<T> => {
    const { store, oauth, owner } = current.current
    if (!oauth) throw new CountersignError('invalid_option', 'useStepUp needs `oauth` on its <CountersignProvider>.')
    if (running.current) throw new CountersignError('step_up_busy', 'A step-up is running already.')
    const controller = new AbortController()
    running.current = controller
    const show = (state: StepUpState) => {
      if (!controller.signal.aborted) setKnown({ owner, state })
    }
    try {
      const result = await untilAborted(controller.signal, runStepUp(oauth, call, controller.signal, show))
      store.revalidate()
      show({ status: 'succeeded' })
      return result
    } catch (error) {
      show({ status: 'failed', error })
      throw error
    } finally {
      if (running.current === controller) running.current = undefined
    }
  }, [])

  const cancel = useCallback(() => {
    running.current?.abort()
    running.current = undefined
    setKnown((last) => ({ owner: last.owner, state: IDLE }))
  }, [])

  return { state: known.owner === owner ? known.state : IDLE, run, cancel }
}

// The call may not listen to its signal; whoever cancelled should not wait for it.
function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new AbortedError())
    signal.addEventListener('abort', onAbort)
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
