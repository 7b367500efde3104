import { createContext, runInContext } from 'node:vm'

type Listener = () => void

/** What React Native's AbortController is: the basics, without `reason`, `throwIfAborted`, `any` and `timeout`. */
class BasicAbortSignal {
  aborted = false
  readonly listeners = new Set<Listener>()
  addEventListener(_: 'abort', listener: Listener): void {
    this.listeners.add(listener)
  }
  removeEventListener(_: 'abort', listener: Listener): void {
    this.listeners.delete(listener)
  }
}

class BasicAbortController {
  readonly signal = new BasicAbortSignal()
  abort(): void {
    this.signal.aborted = true
    for (const listener of [...this.signal.listeners]) listener()
  }
}

/** React Native's URL of the older releases: it parses, and throws for what it does not implement. */
class PartialUrl {
  constructor(readonly href: string) {}
  get origin(): never {
    throw new Error('URL.origin is not implemented')
  }
  get searchParams(): never {
    throw new Error('URL.searchParams is not implemented')
  }
}

const LATER_BUILTINS = `
  for (const [owner, names] of [
    [Object, ['hasOwn', 'groupBy']],
    [Promise, ['withResolvers', 'try']],
    [Array.prototype, ['findLast', 'toSorted', 'toReversed', 'with']],
    [String.prototype, ['isWellFormed', 'toWellFormed']],
    [globalThis, ['WebAssembly', 'SharedArrayBuffer', 'Atomics']],
  ]) for (const name of names) delete owner[name]
`

/** Runs a bundle where there is only what React Native has, over a real `fetch`. Answers the global object. */
export function runAsReactNative(code: string): Record<string, unknown> {
  const globals: Record<string, unknown> = {
    console,
    setTimeout,
    clearTimeout,
    setInterval,
    clearInterval,
    queueMicrotask,
    AbortController: BasicAbortController,
    URL: PartialUrl,
    Headers,
    fetch: (url: string, { signal, ...init }: Omit<RequestInit, 'signal'> & { signal?: BasicAbortSignal } = {}) => {
      const controller = new AbortController()
      signal?.addEventListener('abort', () => controller.abort())
      return fetch(url, { ...init, signal: controller.signal })
    },
  }
  globals.global = globals
  const context = createContext(globals)
  runInContext(LATER_BUILTINS, context)
  runInContext(code, context)
  return globals
}
