import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Vault } from './vault.js'

const ENCODINGS = ['latin1', 'hex', 'base64', 'base64url'] as const

test('a secret is found in any encoding, wherever it stands', () => {
  const neighbour = fc.stringMatching(/^[ -~]{0,20}$/)
  const secret = fc.stringMatching(/^[\w-]{20,60}$/)
  fc.assert(
    fc.property(
      secret,
      neighbour,
      neighbour,
      fc.constantFrom(...ENCODINGS),
      fc.boolean(),
      (text, before, after, form, upper) => {
        const vault = new Vault()
        vault.add('a secret', text)
        const written = Buffer.from(`${before}${text}${after}`).toString(form)
        const found = vault.search('here', form === 'hex' && upper ? written.toUpperCase() : written)
        expect(found).toContainEqual({
          secret: 'a secret',
          place: 'here',
          form: form === 'latin1' ? 'raw' : expect.stringMatching(form.replace('url', '')),
        })
      },
    ),
    { numRuns: 500 },
  )
})

test('bytes are found too, and nothing is found where nothing is', () => {
  const vault = new Vault()
  const bytes = Buffer.from('6c1f0a99d3e27b8844aa10fe5d3c2b1a7788ffee99aabbccddeeff0011223344', 'hex')
  vault.add('a key', bytes)
  expect(vault.search('a column', `\\x00${bytes.toString('hex')}ff`)).toHaveLength(1)
  expect(vault.search('a column', `${bytes.toString('base64')}`).length).toBeGreaterThan(0)
  expect(vault.search('a column', '\\xdeadbeef and some words')).toEqual([])
})
