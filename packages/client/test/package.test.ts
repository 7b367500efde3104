import { beforeAll, describe, expect, test } from 'vitest'
import { build } from './support/build.js'
import { bundleFor, publintProblems, typesProblems } from './support/package-checks.js'

beforeAll(() => build('client'))

test('publint finds nothing', async () => {
  expect(await publintProblems('client')).toEqual([])
})

test('the types resolve for every entry and resolution', async () => {
  expect(await typesProblems('client')).toEqual([])
})

describe('what an app ships', () => {
  test('the whole client is at most 8 kB, the verifier apart', async () => {
    const { gzip, code } = await bundleFor("export * from '@countersign/client'", 'client')
    console.log(`@countersign/client: ${gzip} bytes min+gzip`)
    expect(code).toContain('interaction_required')
    expect(gzip).toBeLessThanOrEqual(8_000)
  })

  test('what is not imported is not shipped', async () => {
    const decisions = await bundleFor("export { DecisionClient } from '@countersign/client'", 'client')
    expect(decisions.code).not.toContain('interaction_required')
    const demand = await bundleFor("export { stepUpDemand } from '@countersign/client'", 'client')
    expect(demand.gzip).toBeLessThan(600)
    const nothing = await bundleFor("import '@countersign/client'", 'client')
    expect(nothing.code.trim()).toBe('')
  })

  test('the verifier brings no client along', async () => {
    const { gzip, code } = await bundleFor("export * from '@countersign/client/verify-token'", 'client')
    console.log(`@countersign/client/verify-token: ${gzip} bytes min+gzip`)
    expect(code).not.toContain('token-exchange')
  })
})
