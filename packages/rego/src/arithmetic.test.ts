import { expect, it } from 'vitest'
import { multiply } from './arithmetic.js'

it('a product does not grow without end', () => {
  let square = multiply(99_999_999, 99_999_999)
  expect(() => {
    for (let times = 0; times < 40; times++) square = multiply(square, square)
  }).toThrow(RangeError)
})
