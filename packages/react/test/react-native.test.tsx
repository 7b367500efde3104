import type { createElement } from 'react'
import { beforeAll, expect, test, vi } from 'vitest'
import { build } from '../../client/test/support/build.js'
import { metroBundle } from '../../client/test/support/metro-bundle.js'
import { runAsReactNative } from '../../client/test/support/react-native-globals.js'
import type * as Hooks from '../src/index.js'
import { ScriptedSource } from './support/scripted-source.js'

type Native = {
  readonly hooks: typeof Hooks
  readonly createElement: typeof createElement
  readonly renderer: typeof import('react-test-renderer')
}

const ENTRY = `
  globalThis.hooks = require('@countersign/react')
  globalThis.createElement = require('react').createElement
  globalThis.renderer = require('react-test-renderer')
`

let code = ''
beforeAll(async () => {
  await build('react')
  code = await metroBundle(
    ENTRY,
    ['react', 'client', 'protocol'],
    ['react', 'react-test-renderer', 'react-is', 'scheduler'],
  )
})

test('bundled by Metro, where there is only what React Native has: questions are asked, answered and asked again', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {})
  const { hooks, createElement: h, renderer } = runAsReactNative(code) as unknown as Native
  const source = new ScriptedSource()
  let wake = () => {}
  const wakeSource = (callback: () => void) => {
    wake = callback
    return () => {}
  }
  const can = h(hooks.Can, { permission: 'pay', granted: 'transfer', denied: 'no', pending: 'wait' })
  const provided = { client: source, subject: { type: 'user', id: 'alice' }, wakeSource, children: can }
  const root = renderer.create(h(hooks.CountersignProvider, provided))
  await expect.poll(() => root.toJSON()).toBe('transfer')
  source.answer = () => ({
    status: 'denied',
    decisionId: null,
    policyVersion: 1,
    aalSource: null,
    matched: [],
    explanation: [],
  })
  // As AppState would, when the app comes to the front.
  wake()
  await expect.poll(() => root.toJSON()).toBe('no')
  root.unmount()
  vi.restoreAllMocks()
})

test('nothing asks for a document or a window without looking first', async () => {
  const { hooks, createElement: h, renderer } = runAsReactNative(code) as unknown as Native
  const source = new ScriptedSource()
  const can = h(hooks.Can, { permission: 'pay', granted: 'transfer' })
  const root = renderer.create(
    h(hooks.CountersignProvider, { client: source, subject: { type: 'user', id: 'a' }, children: can }),
  )
  await expect.poll(() => root.toJSON()).toBe('transfer')
  root.unmount()
})
