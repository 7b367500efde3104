import fc from 'fast-check'
import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import { fieldsOf, parseForm } from './form.js'
import { OAuthError } from './oauth-error.js'

const Text = Type.Optional(Type.String())
const Texts = Type.Optional(Type.Array(Type.String()))
const fields = fieldsOf(Type.Object({ scope: Text, resource: Texts, audience: Texts }))
const parse = (body: string) => parseForm(body, fields)

describe('a form', () => {
  it('gives back what any encoder wrote, without the fields that have no value', () => {
    const pairs = fc.uniqueArray(fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })), {
      selector: ([name]) => name,
    })
    fc.assert(
      fc.property(pairs, (pairs) => {
        fc.pre(pairs.every((pair) => !pair.join('').includes('\0')))
        const expected = pairs.filter(([, value]) => value !== '').map(([name, value]) => [name, [value]])
        expect([...parse(new URLSearchParams(pairs).toString())]).toEqual(expected)
      }),
    )
  })

  it('may name again what its schema has as a list, and nothing else twice', () => {
    expect(parse('resource=a&resource=b&audience=c&audience=d').get('resource')).toEqual(['a', 'b'])
    for (const body of ['scope=a&scope=b', 'scope=&scope=b', 'x=1&x=1', 'sc%6Fpe=a&scope=b', 'x&x']) {
      expect(() => parse(body)).toThrow(OAuthError)
    }
  })

  it('with a malformed escape, bytes that are not UTF-8, or a NUL is refused', () => {
    for (const body of ['a=%', 'a=%4', 'a=%zz', '%=a', 'a=%ff', 'a=%c0%80', 'a=%ed%a0%80', 'a=%00', 'a%00=b', 'a=\0']) {
      expect(() => parse(body)).toThrow(OAuthError)
    }
    expect(parse('a=%E2%98%83+x&b=☃ x')).toEqual(
      new Map([
        ['a', ['☃ x']],
        ['b', ['☃ x']],
      ]),
    )
    expect(parse('&&a=b=c&')).toEqual(new Map([['a', ['b=c']]]))
  })

  it('is refused without repeating what was sent, and names a field only when the name is ours', () => {
    const shown = (body: string) => {
      try {
        parse(body)
      } catch (error) {
        return error instanceof OAuthError ? error.description : 'another error'
      }
      return 'accepted'
    }
    expect(shown('scope=a&scope=b')).toBe('the field scope is given more than once')
    expect(shown('s3cret=a&s3cret=b')).toBe('a field is given more than once')
    fc.assert(
      fc.property(fc.string({ minLength: 6 }), (secret) => {
        const encoded = encodeURIComponent(secret.replace(/[\0\p{Surrogate}]/gu, ''))
        fc.pre(encoded.length >= 6 && !'the field is given more than once'.includes(encoded))
        expect(shown(`${encoded}=1&${encoded}=2`)).not.toContain(encoded)
      }),
    )
  })
})

describe('an OAuth error', () => {
  it('describes itself in the characters that RFC 6749 allows', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const { description } = new OAuthError('invalid_request', text)
        expect(description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/)
      }),
    )
  })

  it('that is a 401 says with which scheme to come back, and a delay is whole seconds', () => {
    expect(new OAuthError('invalid_client', 'x').headers['www-authenticate']).toMatch(/^Basic /)
    expect(new OAuthError('access_denied', 'x', { status: 401 }).headers['www-authenticate']).toBe(
      'Bearer error="access_denied"',
    )
    expect(new OAuthError('slow_down', 'x', { retryAfter: 1.2 })).toMatchObject({
      status: 429,
      headers: { 'retry-after': '2' },
    })
  })
})
