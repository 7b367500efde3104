import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stepUpDemand } from './step-up-response.js'

const demandOf = (header: string, status = 401) =>
  stepUpDemand({ status, headers: new Headers([['www-authenticate', header]]) })

test('the example of RFC 9470 is understood', () => {
  const header =
    'Bearer error="insufficient_user_authentication", error_description="A different authentication level is required", acr_values="myACR"'
  expect(demandOf(header)).toEqual({
    acrValues: 'myACR',
    maxAge: undefined,
    scope: undefined,
    resourceMetadata: undefined,
  })
  expect(demandOf('Bearer error="insufficient_user_authentication", max_age="5"')?.maxAge).toBe(5)
})

test('any demand that follows the grammar is read back, wherever it stands in the header', () => {
  const text = fc.string({ unit: fc.constantFrom('a', ' ', ',', '=', '"', '\\', 'Bearer ', 'error'), maxLength: 8 })
  const quote = (value: string) => `"${value.replace(/[\\"]/g, '\\$&')}"`
  const others = [
    '',
    'Negotiate abc+/==',
    'Basic realm="a, b=\\"c\\""',
    'DPoP algs="ES256"',
    'Bearer error="invalid_token"',
    'Custom',
  ]
  fc.assert(
    fc.property(
      fc.record({ acr: text, maxAge: fc.nat(86_400), realm: text, metadata: text }),
      fc.constantFrom('Bearer', 'bearer', 'DPoP'),
      fc.constantFrom(...others),
      fc.constantFrom(...others),
      fc.constantFrom(',', ', ', ' ,  '),
      fc.boolean(),
      ({ acr, maxAge, realm, metadata }, scheme, before, after, comma, bare) => {
        const challenge = `${scheme} ${[
          `realm=${quote(realm)}`,
          'ERROR="insufficient_user_authentication"',
          `acr_values = ${quote(acr)}`,
          bare ? `max_age=${maxAge}` : `max_age="${maxAge}"`,
          `resource_metadata=${quote(metadata)}`,
        ].join(comma)}`
        const header = [before, challenge, after].filter(Boolean).join(', ')
        const demand = demandOf(header)
        expect(demand).toEqual({ acrValues: acr, maxAge, scope: undefined, resourceMetadata: metadata })
      },
    ),
  )
})

test('any text is read without failing, and quickly', () => {
  const started = performance.now()
  for (const header of [
    ' '.repeat(50_000),
    `${'a'.repeat(50_000)}"`,
    `a="${'\\'.repeat(50_000)}`,
    '="'.repeat(20_000),
  ]) {
    stepUpDemand({ status: 401, headers: { get: () => header } })
  }
  expect(performance.now() - started).toBeLessThan(1_000)
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (header) => {
      stepUpDemand({ status: 401, headers: { get: () => header } })
    }),
  )
})

test('other answers are no demand', () => {
  expect(demandOf('Bearer error="insufficient_user_authentication"', 403)).toBeUndefined()
  expect(demandOf('Bearer error="invalid_token"')).toBeUndefined()
  expect(demandOf('Bearer realm="error=insufficient_user_authentication"')).toBeUndefined()
  expect(stepUpDemand({ status: 401, headers: new Headers() })).toBeUndefined()
})

test('an age that is no number of seconds is not guessed at', () => {
  for (const age of ['-1', '1.5', '1e3', '', 'soon', '9999999999999999']) {
    expect(demandOf(`Bearer error="insufficient_user_authentication", max_age="${age}"`)?.maxAge).toBeUndefined()
  }
})
