import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeBase64Url } from './base64url.js'

it('any bytes have one base64url text, and no other text decodes', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(decodeBase64Url(Buffer.from(bytes).toString('base64url'))).toEqual(Buffer.from(bytes))
    }),
  )
  const character = fc.constantFrom(...'ABQgwxyz0189-_+/= \n\0é')
  fc.assert(
    fc.property(fc.string({ unit: character, maxLength: 12 }), (text) => {
      const bytes = decodeBase64Url(text)
      if (bytes !== undefined) expect(bytes.toString('base64url')).toBe(text)
    }),
    { numRuns: 5000 },
  )
  for (const text of ['AA=', 'AA==', 'AB', 'AAB', 'A', 'AAAAA', 'A+A', 'A/A', 'AA\n', ' AA']) {
    expect(decodeBase64Url(text)).toBeUndefined()
  }
})
