import { AbortedError, CountersignError } from './errors.js'

/** When a call must have ended: after `timeoutMs` milliseconds, or when `signal` fires. */
export interface Limit {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

// A longer delay overflows the timer's 32 bits and would fire at once.
const LONGEST_TIMER = 2_147_483_647

/**
 * Runs `work` under a deadline. It ends when the deadline does, even if `work` ignores the signal that it is given.
 *
 * @throws CountersignError `timeout` or `aborted`, or what `work` throws.
 */
export function withDeadline<T>(limit: Limit, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (limit.signal?.aborted) return reject(new AbortedError())
    const controller = new AbortController()
    const end = (settle: () => void) => {
      clearTimeout(timer)
      limit.signal?.removeEventListener('abort', onAbort)
      settle()
    }
    const cut = (error: CountersignError) =>
      end(() => {
        // Reject first: `work` must not get to answer with its own idea of an abort.
        reject(error)
        controller.abort()
      })
    const onAbort = () => cut(new AbortedError())
    const timer = setTimeout(
      () => cut(new CountersignError('timeout', `No answer within ${limit.timeoutMs} ms.`)),
      Math.min(limit.timeoutMs, LONGEST_TIMER),
    )
    limit.signal?.addEventListener('abort', onAbort)
    work(controller.signal).then(
      (value) => end(() => resolve(value)),
      (error: unknown) => end(() => reject(error)),
    )
  })
}

/** Waits `ms` milliseconds; rejects with `aborted` when the signal fires first. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new AbortedError())
    const onAbort = () => {
      clearTimeout(timer)
      reject(new AbortedError())
    }
    const timer = setTimeout(
      () => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      },
      Math.min(ms, LONGEST_TIMER),
    )
    signal.addEventListener('abort', onAbort)
  })
}
