import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson, type Json } from './canonical-json.js'

const json = fc.jsonValue().filter((value) => !/[\uD800-\uDFFF]/.test(JSON.stringify(value))) as fc.Arbitrary<Json>

test('canonical JSON parses back to the value it was made from', () => {
  fc.assert(
    fc.property(json, (value) => {
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('the order in which members were added never shows', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.integer()), (members) => {
      const reversed = Object.fromEntries(Object.entries(members).reverse())
      expect(canonicalJson(reversed)).toBe(canonicalJson(members))
    }),
  )
})

test('members sort by UTF-16 code units and numbers print as ECMAScript does', () => {
  expect(canonicalJson({ '\u20ac': 1e21, '\ud83d\ude00': 0.000001, 1: -0, a: 1e-7 })).toBe(
    '{"1":0,"a":1e-7,"\u20ac":1e+21,"\ud83d\ude00":0.000001}',
  )
})

test('what I-JSON cannot hold is refused', () => {
  expect(() => canonicalJson('\ud800')).toThrow(TypeError)
  expect(() => canonicalJson({ '\udc00': 1 })).toThrow(TypeError)
  expect(() => canonicalJson(Number.NaN)).toThrow(TypeError)
})
