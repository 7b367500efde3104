import { expect, it } from 'vitest'
import { compile } from '../index.js'

/** The value of one expression; errors of built-ins are raised. */
function evaluate(expression: string, input: unknown = {}): unknown {
  const source = `package t\n\nresult := ${expression}`
  return compile([{ path: 't.rego', source }], { strictBuiltinErrors: true }).evaluate('data.t.result', input as never)
}

it('computes integers of any size exactly', () => {
  expect(evaluate('sum([9007199254740993, 1])')).toBe(9007199254740994n)
  expect(evaluate('product([123456789012345678901234567890, 10])')).toBe(1234567890123456789012345678900n)
  expect(evaluate('bits.lsh(1, 70)')).toBe(2n ** 70n)
  expect(evaluate('sprintf("%s", [123456789123456789123])')).toBe('123456789123456789123')
  expect(evaluate('format_int(18446744073709551617, 16)')).toBe('10000000000000001')
})

it('computes fractions as OPA does: sums in 64 bits, products as doubles', () => {
  expect(evaluate('sum([0.1, 0.2])')).toBe(0.3)
  expect(evaluate('product([0.1, 3])')).toBe(0.1 * 3)
})

it.each([
  ['round(2.5)', 3],
  ['round(-2.5)', -3],
  ['ceil(1.01)', 2],
  ['ceil(-1.99999)', -1],
  ['floor(-1.001)', -2],
  ['abs(-2.5)', 2.5],
  // OPA takes the sign of the integer part, which zero has not.
  ['ceil(-0.5)', 1],
  ['floor(-0.5)', 0],
  ['format_int(-15.9, 16)', '-f'],
  ['to_number("-42.0")', -42],
])('answers %s with %s', (expression, value) => {
  expect(evaluate(expression)).toBe(value)
})

it.each(['nan', '-Inf', 'Infinity', '0x10', '1_000', '', '1e400'])('takes %j for no number', (text) => {
  expect(() => evaluate('to_number(input)', text)).toThrow('to_number')
})

it('counts ranges up and down, both ends included', () => {
  expect(evaluate('numbers.range(-1, 2)')).toEqual([-1, 0, 1, 2])
  expect(evaluate('numbers.range(2, 0)')).toEqual([2, 1, 0])
  expect(evaluate('numbers.range_step(0, 10, 4)')).toEqual([0, 4, 8])
  expect(() => evaluate('numbers.range_step(0, 10, 0)')).toThrow('step must be a positive integer')
  expect(() => evaluate('numbers.range(3, 3.14)')).toThrow(
    'numbers.range: operand 2 must be integer number but got floating-point number',
  )
})

it('draws the same number for the same key in one evaluation', () => {
  expect(evaluate('count({rand.intn("k", 1000000) | some _ in numbers.range(1, 50)})')).toBe(1)
  expect(evaluate('rand.intn("k", 0)')).toBe(0)
})

it('reads units with decimal and binary prefixes', () => {
  expect(evaluate('units.parse("500m")')).toBe(0.5)
  expect(evaluate('units.parse("1.5Mi")')).toBe(1572864)
  expect(evaluate('units.parse_bytes("4.1Mi")')).toBe(4299161)
  expect(() => evaluate('units.parse_bytes("100 kb")')).toThrow('spaces not allowed in resource strings')
})
