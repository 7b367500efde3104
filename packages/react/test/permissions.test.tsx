import { StrictMode, useLayoutEffect } from 'react'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  Can,
  CountersignProvider,
  type CountersignProviderProps,
  type PermissionQuery,
  type PermissionState,
  useCan,
  usePermission,
  usePermissions,
  useRevalidate,
} from '../src/index.js'
import { DENIED, GRANTED, ScriptedSource, STEP_UP, UNAVAILABLE } from './support/scripted-source.js'
import { settle, testRoot } from './support/test-renderer.js'

const ALICE = { type: 'user', id: 'alice' }
let source: ScriptedSource
let root: ReturnType<typeof testRoot>
let seen: PermissionState[]
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  vi.spyOn(console, 'error').mockImplementation(() => {})
  source = new ScriptedSource()
  root = testRoot()
  seen = []
  shown = []
})
afterEach(async () => {
  root.unmount()
  await settle()
  vi.useRealTimers()
  vi.restoreAllMocks()
})

function One({ query }: { query: PermissionQuery }) {
  seen.push(useCan(query))
  return seen.at(-1)?.status ?? null
}

let shown: string[] = []
let revalidate = () => {}

function Many() {
  const states = usePermissions([{ permission: 'a' }, { permission: 'b' }, { permission: 'a' }])
  return states.map(({ status }) => status).join(' ')
}

function Two({ second }: { second: string }) {
  shown.push(
    usePermissions([{ permission: 'a' }, { permission: second }])
      .map(({ status }) => status)
      .join(' '),
  )
  return null
}

function Named() {
  return usePermission('pay', { type: 'account', id: '42' }, { organization: 'acme', context: { amount: 1 } }).status
}

function Again() {
  revalidate = useRevalidate()
  return null
}

function Changing({ context }: { context: { amount: number } }) {
  useCan({ permission: 'pay', context })
  useLayoutEffect(() => {
    context.amount = 1_000_000
  }, [context])
  return null
}

const show = async (node: React.ReactNode, props: Partial<CountersignProviderProps> = {}) => {
  root.render(
    <CountersignProvider client={source} subject={ALICE} {...props}>
      {node}
    </CountersignProvider>,
  )
  await settle()
}

const wait = async (ms: number) => {
  vi.advanceTimersByTime(ms)
  await settle()
}

describe('the state', () => {
  test.each([
    [GRANTED, { status: 'granted', allowed: true, loading: false, requiresStepUp: false, requiredAal: null }],
    [
      STEP_UP,
      { status: 'step_up', allowed: false, loading: false, requiresStepUp: true, requiredAal: 'aal2', maxAge: 300 },
    ],
    [DENIED, { status: 'denied', allowed: false, loading: false, requiresStepUp: false, requiredAal: null }],
    [
      UNAVAILABLE,
      { status: 'unavailable', allowed: false, loading: false, requiresStepUp: false, reason: 'transport' },
    ],
  ])('is pending, then what the service answered: $status', async (decision, expected) => {
    source.answer = () => decision
    await show(<One query={{ permission: 'pay' }} />)
    expect(seen[0]).toMatchObject({ status: 'pending', allowed: false, loading: true })
    expect(seen.at(-1)).toMatchObject(expected)
    expect(Object.isFrozen(seen.at(-1))).toBe(true)
  })

  test('of nobody, and of a query that cannot be asked, is unavailable at once; nothing is asked and nothing throws', async () => {
    const odd = {
      permission: 'pay',
      get context() {
        throw new Error('no')
      },
    } as PermissionQuery
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    await show(
      <>
        <One query={{ permission: 'pay', subject: null }} />
        <One query={odd} />
        <One query={{ permission: 'pay', context: cycle }} />
        <One query={{ permission: 'pay', context: { n: 1n } }} />
      </>,
    )
    expect(seen.map((state) => state.status === 'unavailable' && state.reason)).toEqual([
      'no-subject',
      'invalid query',
      'invalid query',
      'invalid query',
    ])
    expect(source.asked).toHaveLength(0)
  })

  test('is asked as it was when it was rendered, whatever happens to the caller’s objects meanwhile', async () => {
    await show(<Changing context={{ amount: 10 }} />)
    expect(source.asked[0]?.[0]).toMatchObject({
      subject: ALICE,
      permission: 'pay',
      context: { amount: 10 },
      currentAal: 'aal1',
    })
  })

  test('belongs to one session: a new one of the same subject starts pending', async () => {
    await show(<One query={{ permission: 'pay' }} />, { session: 'one' })
    expect(seen.at(-1)?.allowed).toBe(true)
    seen = []
    source.answer = () => new Promise(() => {})
    await show(<One query={{ permission: 'pay' }} />, { session: 'two' })
    expect(seen.map(({ status }) => status)).toEqual(['pending'])
  })

  test('is asked once under StrictMode, and equal questions share one answer', async () => {
    await show(
      <StrictMode>
        <One query={{ permission: 'pay', context: { a: 1, b: 2 } }} />
        <One query={{ permission: 'pay', context: { b: 2, a: 1 } }} />
      </StrictMode>,
    )
    expect(source.asked).toHaveLength(1)
    expect(root.toJSON()).toEqual(['granted', 'granted'])
  })
})

describe('many questions', () => {
  test('of one hook, and of all hooks that ask in one turn, are one batch', async () => {
    source.answer = ({ permission }) => (permission === 'b' ? DENIED : GRANTED)
    await show(
      <>
        <Many />
        <One query={{ permission: 'c' }} />
      </>,
    )
    expect(root.toJSON()).toEqual(['granted denied granted', 'granted'])
    expect(source.asked.map((batch) => batch.map(({ permission }) => permission))).toEqual([['a', 'b', 'c']])
  })

  test('when one changes, the others keep their answers', async () => {
    await show(<Two second="b" />)
    await show(<Two second="c" />)
    expect(shown.slice(shown.indexOf('granted granted') + 1)).toEqual(['granted pending', 'granted granted'])
    expect(source.asked).toHaveLength(2)
  })

  test('a batch that nobody waits for any more is aborted', async () => {
    source.answer = () => new Promise(() => {})
    await show(<One query={{ permission: 'a' }} />)
    expect(source.signals[0]?.aborted).toBe(false)
    await show(null)
    expect(source.signals[0]?.aborted).toBe(true)
  })

  test('usePermission names permission, resource and the rest', async () => {
    await show(<Named />)
    expect(source.asked[0]?.[0]).toMatchObject({
      permission: 'pay',
      resource: { type: 'account', id: '42' },
      organization: 'acme',
      context: { amount: 1 },
    })
  })
})

describe('grants end', () => {
  test('in a mounted component they are confirmed before, and nothing flickers', async () => {
    await show(<One query={{ permission: 'pay' }} />, { ttlMs: 10_000 })
    for (let i = 0; i < 5; i++) await wait(8_000)
    expect(source.asked).toHaveLength(6)
    expect(seen.map(({ status }) => status)).toEqual(['pending', 'granted', ...Array(seen.length - 2).fill('granted')])
  })

  test('and what is no longer granted disappears', async () => {
    await show(<One query={{ permission: 'pay' }} />, { ttlMs: 10_000 })
    source.answer = () => DENIED
    await wait(8_000)
    expect(root.toJSON()).toBe('denied')
  })

  test('when they cannot be confirmed, by failures or by silence', async () => {
    for (const answer of [
      () => UNAVAILABLE,
      () => new Promise<never>(() => {}),
      () => Promise.reject(new Error('x')),
    ]) {
      source.answer = () => GRANTED
      await show(<One query={{ permission: 'pay' }} />, { ttlMs: 10_000 })
      source.answer = answer
      await wait(9_999)
      expect(root.toJSON()).toBe('granted')
      await wait(2)
      expect(root.toJSON()).not.toBe('granted')
      await show(null)
    }
  })

  test('even if the timer slept: the next render looks at the time itself', async () => {
    await show(<One query={{ permission: 'pay' }} />, { ttlMs: 10_000 })
    seen = []
    source.answer = () => new Promise(() => {})
    vi.setSystemTime(Date.now() + 3_600_000)
    await show(<One query={{ permission: 'pay' }} />, { ttlMs: 10_000 })
    expect(seen.length).toBeGreaterThan(0)
    for (const state of seen) expect(state.allowed).toBe(false)
  })

  test('a failure is asked about again by itself', async () => {
    source.answer = () => UNAVAILABLE
    await show(<One query={{ permission: 'pay' }} />, { ttlMs: 10_000 })
    source.answer = () => GRANTED
    await wait(10_000)
    expect(root.toJSON()).toBe('granted')
  })

  test('the app coming to the front confirms everything at once, in one batch', async () => {
    let wake = () => {}
    let stopped = false
    const wakeSource = (callback: () => void) => {
      wake = callback
      return () => {
        stopped = true
      }
    }
    const two = [<One key="a" query={{ permission: 'a' }} />, <One key="b" query={{ permission: 'b' }} />]
    await show(two, { wakeSource })
    source.answer = () => DENIED
    wake()
    wake()
    await settle()
    expect(root.toJSON()).toEqual(['denied', 'denied'])
    expect(source.asked.map((batch) => batch.length)).toEqual([2, 2])
    root.unmount()
    await settle()
    expect(stopped).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('a revalidation forgets the client’s cache and what was under way', async () => {
    let late: (decision: typeof GRANTED) => void = () => {}
    source.answer = () => new Promise((resolve) => (late = resolve))
    await show([<Again key="again" />, <One key="one" query={{ permission: 'pay' }} />])
    source.answer = () => DENIED
    const old = late
    revalidate()
    await settle()
    old(GRANTED)
    await settle()
    expect(source.cleared).toBe(1)
    expect(seen.map(({ status }) => status)).toEqual(['pending', 'denied'])
  })
})

describe('<Can>', () => {
  const slots = {
    granted: 'transfer',
    stepUp: ({ requiredAal }: { requiredAal: string | null }) => `verify ${requiredAal}`,
    pending: 'wait',
    denied: 'no',
    unavailable: ({ reason }: { reason: string }) => `sorry: ${reason}`,
  }

  test.each([
    [GRANTED, 'transfer'],
    [STEP_UP, 'verify aal2'],
    [DENIED, 'no'],
    [UNAVAILABLE, 'sorry: transport'],
  ])('shows the slot of the answer: $status', async (decision, text) => {
    source.answer = () => decision
    await show(<Can permission="pay" {...slots} />)
    expect(root.toJSON()).toBe(text)
  })

  test('shows the pending slot until there is one, and nothing where there is no slot', async () => {
    source.answer = () => new Promise(() => {})
    await show([<Can key="a" permission="pay" {...slots} />, <Can key="b" permission="pay" granted="transfer" />])
    expect(root.toJSON()).toBe('wait')
  })

  test('the slots are not part of the question', async () => {
    await show(<Can permission="pay" {...slots} />)
    await show(<Can permission="pay" {...slots} granted={() => 'go'} />)
    expect(source.asked).toHaveLength(1)
    expect(Object.keys(source.asked[0]?.[0] ?? {}).sort()).toEqual(
      ['application', 'context', 'currentAal', 'explain', 'organization', 'permission', 'resource', 'subject'].sort(),
    )
  })
})

test('a server renders pending, or that there is nobody, and asks nothing', () => {
  const page = (subject: typeof ALICE | null) =>
    renderToString(
      <CountersignProvider client={source} subject={subject}>
        <Can permission="pay" granted="transfer" pending="wait" unavailable="sign in" />
      </CountersignProvider>,
    )
  expect(page(ALICE)).toBe('wait')
  expect(page(null)).toBe('sign in')
  expect(source.asked).toHaveLength(0)
})

test('without a provider the error says what is missing', () => {
  expect(() => renderToString(<Can permission="pay" />)).toThrow(/<CountersignProvider>/)
})
