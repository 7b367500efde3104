import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { OAuthClient } from '@countersign/client'
import { type ComponentType, createElement } from 'react'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { compile, examplesOf, type Snippet, snippetsOf } from '../../client/test/support/snippets.js'
import { CountersignProvider } from '../src/index.js'
import { DENIED, GRANTED, ScriptedSource, STEP_UP } from './support/scripted-source.js'
import { settle, testRoot } from './support/test-renderer.js'

const GIVEN = `
declare const decisions: import('@countersign/client').DecisionClient
declare const oauth: import('@countersign/client').OAuthClient
declare const user: import('@countersign/client').EntityRef
declare function currentSession(): string
declare function readPause(body: unknown): Error | undefined
declare function askBackend(path: string, challenge: object | undefined, signal: AbortSignal): Promise<unknown>
declare const raiseSession: import('@countersign/react').SteppedCall<void>
declare function TransferButton(): import('react').ReactNode
declare function Spinner(): import('react').ReactNode
declare module 'react-native' {
  export const AppState: { addEventListener(type: 'change', listener: (state: string) => void): { remove(): void } }
}
`

let snippets: Snippet[] = []
let folder = ''
let complaints = ''
beforeAll(async () => {
  snippets = [...(await snippetsOf('docs/sdk-react.md')), ...(await snippetsOf('packages/react/README.md'))]
  const compiled = await compile('react', snippets, GIVEN)
  folder = compiled.folder
  complaints = compiled.complaints
})
afterAll(async () => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  await rm(folder, { recursive: true, force: true })
})

test('every snippet of the guide and the README compiles', () => {
  expect(snippets.length).toBeGreaterThan(7)
  expect(complaints).toBe('')
})

test('every component of the guide and the README renders for a grant, a step-up and a denial', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {})
  vi.stubGlobal('currentSession', () => 'session')
  const source = new ScriptedSource()
  vi.stubGlobal('decisions', source)
  vi.stubGlobal('user', { type: 'user', id: 'alice' })
  vi.doMock('react-native', () => ({ AppState: { addEventListener: () => ({ remove: () => {} }) } }))
  const oauth = new OAuthClient('https://sts.example', 'zone-1', 'app-1')
  const shown: string[] = []
  for (const { name, extension } of snippets) {
    const components: Record<string, ComponentType<{ account: string; userId: string }>> = await import(
      /* @vite-ignore */ join(folder, `${name}.${extension}`)
    )
    for (const component of Object.values(components)) {
      for (const decision of [GRANTED, STEP_UP, DENIED]) {
        source.answer = () => decision
        const root = testRoot()
        root.render(
          <CountersignProvider client={source} oauth={oauth} subject={{ type: 'user', id: 'alice' }}>
            {createElement(component, { account: '42', userId: 'alice' })}
          </CountersignProvider>,
        )
        await settle()
        shown.push(JSON.stringify(root.toJSON()))
        root.unmount()
      }
    }
  }
  for (const text of ['Transfer', 'Verify', 'You cannot transfer']) expect(shown.join('\n')).toContain(text)
})

test('every example in a doc comment compiles', async () => {
  const examples = await examplesOf('react', { 'index.ts': '@countersign/react' })
  expect(examples.length).toBeGreaterThan(5)
  const compiled = await compile('react', examples, GIVEN)
  await rm(compiled.folder, { recursive: true })
  expect(compiled.complaints).toBe('')
})
