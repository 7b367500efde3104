import { beforeAll, expect, test } from 'vitest'
import { build } from '../../client/test/support/build.js'
import { bundleFor, publintProblems, typesProblems } from '../../client/test/support/package-checks.js'

beforeAll(() => build('react'))

test('publint finds nothing', async () => {
  expect(await publintProblems('react')).toEqual([])
})

test('the types resolve for every entry and resolution', async () => {
  expect(await typesProblems('react')).toEqual([])
})

test('all hooks are at most 4 kB, React and the client apart', async () => {
  const { gzip, code } = await bundleFor("export * from '@countersign/react'", 'react', [
    /^react/,
    /^@countersign\/client/,
  ])
  console.log(`@countersign/react: ${gzip} bytes min+gzip`)
  expect(code).toContain('CountersignProvider')
  expect(gzip).toBeLessThanOrEqual(4_000)
})

test('what is not imported is not shipped, of the client neither', async () => {
  const { code, gzip } = await bundleFor("export { useCan, CountersignProvider } from '@countersign/react'", 'react', [
    /^react/,
  ])
  expect(code).not.toContain('step_up_busy')
  expect(code).not.toContain('token-exchange')
  expect(gzip).toBeLessThan(3_500)
})
