import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { add, divide, multiply, subtract } from '../src/arithmetic.js'
import { JsonError, parseJson } from '../src/json.js'
import { compareNumbers, formatNumber, parseNumber, type RegoNumber } from '../src/number.js'
import { compare, equal, fromJson, keyOf, RegoObject, RegoSet, toJson, toJsonText, type Value } from '../src/value.js'

/** Values of every type, nested, with keys of any type and texts that JavaScript and Rego could mix up. */
const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<Value>(
      null,
      true,
      false,
      '',
      'a',
      '__proto__',
      '\u0000',
      '\u0000n1e5',
      '\ud83d\ude00',
      '\uffff',
      'constructor',
    ),
    fc.integer(),
    fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map((n) => parseNumber(n.toString()) as RegoNumber),
    fc
      .tuple(fc.bigInt({ min: -(10n ** 22n), max: 10n ** 22n }), fc.integer({ min: -30, max: 30 }))
      .map(([c, e]) => parseNumber(`${c}e${e}`) as RegoNumber),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(tie('value'), { maxLength: 4 }).map((elements) => RegoSet.from(elements)),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((entries) => RegoObject.from(entries)),
    fc.dictionary(fc.string({ maxLength: 3 }), tie('value'), { maxKeys: 3 }) as fc.Arbitrary<Value>,
  ),
})).value

describe('any values', () => {
  it('have one order: total, and equal exactly where they are equal', () => {
    fc.assert(
      fc.property(value, value, value, (a, b, c) => {
        expect(Math.sign(compare(a, b))).toBe(-Math.sign(compare(b, a)) + 0)
        expect(compare(a, b) === 0).toBe(equal(a, b))
        if (compare(a, b) <= 0 && compare(b, c) <= 0) expect(compare(a, c)).toBeLessThanOrEqual(0)
      }),
    )
  })

  it('share a key exactly when they are equal', () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(keyOf(a) === keyOf(b)).toBe(equal(a, b))
      }),
    )
    expect(keyOf('\u0000n1e5')).not.toBe(keyOf(parseNumber('1e5000') as RegoNumber))
  })

  it('are found again in sets and objects', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 8 }), (values) => {
        const set = RegoSet.from(values)
        const object = RegoObject.from(values.map((one) => [one, one] as const))
        for (const one of values) {
          expect(set.has(one)).toBe(true)
          expect(equal(object.get(one) as Value, one)).toBe(true)
        }
        expect(object.size).toBe(set.size)
        const sorted = set.sorted()
        for (let at = 1; at < sorted.length; at++)
          expect(compare(sorted[at - 1] as Value, sorted[at] as Value)).toBeLessThan(0)
      }),
    )
  })

  it('survive JSON when they are JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        const back = toJson(fromJson(json) as Value)
        expect(JSON.stringify(sortKeys(back))).toBe(JSON.stringify(sortKeys(json)))
        expect(equal(parseJson(toJsonText(fromJson(json) as Value)), fromJson(json) as Value)).toBe(true)
      }),
    )
  })
})

function sortKeys(json: unknown): unknown {
  if (Object.is(json, -0)) return 0
  if (Array.isArray(json)) return json.map(sortKeys)
  if (typeof json !== 'object' || json === null) return json
  return Object.entries(json)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => [key, sortKeys(member)])
}

describe('numbers', () => {
  const exact = (n: bigint) => parseNumber(n.toString()) as RegoNumber

  it('are exact integers at any size', () => {
    const big = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n })
    fc.assert(
      fc.property(big, big, (a, b) => {
        expect(formatNumber(add(exact(a), exact(b)))).toBe((a + b).toString())
        expect(formatNumber(subtract(exact(a), exact(b)))).toBe((a - b).toString())
        expect(formatNumber(multiply(exact(a), exact(b)))).toBe((a * b).toString())
        expect(Math.sign(compareNumbers(exact(a), exact(b)))).toBe(a < b ? -1 : a > b ? 1 : 0)
      }),
    )
  })

  it('print as what reads back the same', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (double) => {
        const number = parseNumber(String(double)) as RegoNumber
        expect(compareNumbers(parseNumber(formatNumber(number)) as RegoNumber, number)).toBe(0)
      }),
    )
  })

  it('are summed and divided to 64 binary digits, as in OPA', () => {
    const text = (number: RegoNumber | undefined) => formatNumber(number as RegoNumber)
    expect(text(add(0.1, 0.2))).toBe('0.3')
    expect(text(divide(1, 3))).toBe('0.33333333333333333334')
    expect(text(multiply(divide(1, 3) as RegoNumber, 3))).toBe('1')
    expect(text(multiply(parseNumber('12345678901234567890') as RegoNumber, 1.5))).toBe('18518518351851851836')
    expect(text(divide(parseNumber('100000000000000000000000') as RegoNumber, 7))).toBe('14285714285714285714000')
    expect(divide(1, 0)).toBeUndefined()
  })
})

describe('JSON text', () => {
  it.each(['', '{', '[1,]', '{"a":1,}', '{"a" 1}', '01', '1.', '"\n"', 'nul', '[1] 2', '{a:1}', "'a'"])(
    'that is none is refused: %j',
    (text) => {
      expect(() => parseJson(text)).toThrow(JsonError)
    },
  )

  it('keeps numbers that JSON.parse would change', () => {
    expect(toJsonText(parseJson('{"b":[12345678901234567890, 0.1234567890123456789], "a": 1e2}'))).toBe(
      '{"a":100,"b":[12345678901234567890,0.1234567890123456789]}',
    )
  })
})
