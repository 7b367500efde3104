import { expect, test } from 'vitest'
import { bearerOf } from './bearer.js'

test('a bearer is one word after the scheme, whatever the case of that, and nothing else is one', () => {
  for (const header of ['Bearer a.b.c', 'bearer   a.b.c', 'BEARER a.b.c  ']) expect(bearerOf(header)).toBe('a.b.c')
  const none = [
    'Bearer',
    'Bearer ',
    'Bearers a',
    'Basic a',
    'Bearera',
    'Bearer a b',
    'Bearer a\tb',
    'Bearer a\t',
    'Bearer a\u00a0',
  ]
  for (const header of [undefined, '', ...none]) expect(bearerOf(header)).toBeUndefined()
})
