/** The same policies in this engine and in OPA itself, when its binary is on the machine; otherwise left out. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compile, format, RegoError } from '../src/index.js'
import { text } from './conformance.js'
import { type Generated, generatePolicy } from './generate-policy.js'
import { kept } from './kept-differences.js'

const opa = [process.env.OPA ?? '', join(homedir(), 'go/bin/opa'), '/usr/local/bin/opa', '/usr/bin/opa'].find(
  (path) => path !== '' && existsSync(path),
)
if (!opa) console.warn('Comparison with OPA left out: there is no opa binary on this machine.')

const RANDOM_SEEDS = 150

interface Outcome {
  readonly value?: string
  readonly error?: string
}

if (opa !== undefined)
  describe('OPA and this engine', () => {
    const port = 20_000 + (process.pid % 20_000)
    const base = `http://127.0.0.1:${port}`
    let server: ChildProcess

    beforeAll(async () => {
      server = spawn(opa ?? '', ['run', '--server', '--addr', `127.0.0.1:${port}`, '--log-level', 'error'], {
        stdio: 'ignore',
      })
      for (let attempt = 0; attempt < 100; attempt++) {
        if (await fetch(`${base}/health`).catch(() => undefined)) return
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      throw new Error('opa does not answer')
    })

    afterAll(() => {
      server.kill()
    })

    it.each(kept.map(({ why, source, input }) => [why, source, input]))('agree that %s', async (_, source, input) => {
      expect(await agree({ source, input, data: {} })).toBe(true)
    })

    it(`agree on ${RANDOM_SEEDS} policies made at random`, async () => {
      // The same ones each time, so that a change and nothing else can break this; SEED looks elsewhere.
      const first = Number(process.env.SEED ?? 1)
      let compared = 0
      for (let seed = first; seed < first + RANDOM_SEEDS; seed++)
        if (await agree(generatePolicy(seed), seed)) compared++
      // Most policies must be accepted, or nothing is compared.
      expect(compared).toBeGreaterThan(RANDOM_SEEDS / 2)
    }, 120_000)

    /** False when OPA's type checker refuses the policy. */
    async function agree({ source, input, data }: Generated, seed?: number): Promise<boolean> {
      const put = (path: string, body: string) => fetch(`${base}/v1/${path}`, { method: 'PUT', body })
      if (!(await put('policies/gen', source)).ok) return false
      for (const [name, document] of Object.entries(data)) await put(`data/${name}`, JSON.stringify(document))
      const response = await fetch(`${base}/v1/data/gen`, { method: 'POST', body: JSON.stringify({ input }) })
      const answer = (await response.json()) as { result?: unknown; errors?: { code: string }[] }
      const theirs: Outcome = response.ok
        ? { value: comparable(answer.result) }
        : { error: answer.errors?.[0]?.code ?? 'unknown' }
      expect({ seed, ...ours(source, input, data) }).toEqual({ seed, ...theirs })
      return true
    }
  })

it(`the answer of ${RANDOM_SEEDS} policies made at random does not change when they are formatted`, () => {
  for (let seed = 1; seed <= RANDOM_SEEDS; seed++) {
    const { source, input, data } = generatePolicy(seed)
    expect({ seed, ...ours(format(source), input, data) }).toEqual({ seed, ...ours(source, input, data) })
  }
})

/** As text. Where an empty set stands among objects the two differ, so such a list is sorted. */
function comparable(value: unknown): string {
  return text(sorted(value))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    const elements = value.map(sorted)
    const mixed = elements.some(isEmptyArray) && elements.some((one) => typeof one === 'object' && !Array.isArray(one))
    return mixed ? elements.sort((a, b) => (text(a) < text(b) ? -1 : 1)) : elements
  }
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, sorted(member)]))
}

function isEmptyArray(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

function ours(source: string, input: unknown, data: unknown): Outcome {
  try {
    return { value: comparable(compile([{ path: 'gen.rego', source }], { data }).evaluate('data.gen', input)) }
  } catch (error) {
    if (error instanceof RegoError) return { error: error.code }
    throw error
  }
}
