import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { POLICY } from '../src/demo/policy.js'
import { unattendedDemo } from '../src/demo/unattended.js'
import { Terminal } from './support/terminal.js'

const demoDirectories = () => readdirSync(tmpdir()).filter((name) => name.startsWith('countersign-demo-'))

test('the demo shows every step, exits with 0, and leaves nothing behind', async () => {
  const before = demoDirectories()
  const terminal = new Terminal()
  expect(await terminal.run('demo'), terminal.text).toBe(0)
  expect(terminal.text).toContain('All 9 steps held.')
  expect(demoDirectories()).toEqual(before)
})

test('the demo exits with 1 at the first step that does not hold', async () => {
  const terminal = new Terminal()
  const lenient = POLICY.slice(0, POLICY.indexOf('# But before'))
  expect(await unattendedDemo(terminal.io, lenient)).toBe(1)
  expect(terminal.text).toContain('✗ The service answered "mandate", not "paused".')
  expect(terminal.text).toContain('Step 3 did not hold.')
})
