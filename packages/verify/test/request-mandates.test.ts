import { expect, test } from 'vitest'
import { RequestMandates } from '../src/request-mandates.js'
import { mint, verifierOf } from './support/zone.js'

test('a mandate is verified once for a request, however many guards look at it', async () => {
  let asked = 0
  const revocation = () => {
    asked += 1
    return false
  }
  const mandates = new RequestMandates(verifierOf({ revocation }))
  const request = {}
  const header = `Bearer ${await mint()}`
  const scopes = [['read'], ['transfer'], []]
  const outcomes = await Promise.all(scopes.map((one) => mandates.authorize(request, header, { scopes: one })))
  expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, true])
  expect(asked).toBe(1)
  expect(mandates.of(request).subject).toBe('alice')
})

test('a request that no guard let through has no mandate to show, not even a good one that did not suffice', async () => {
  const mandates = new RequestMandates(verifierOf())
  const request = {}
  expect(() => mandates.of(request)).toThrow()
  await mandates.authorize(request, `Bearer ${await mint()}`, { scopes: ['admin'] })
  expect(() => mandates.of(request)).toThrow()
})
