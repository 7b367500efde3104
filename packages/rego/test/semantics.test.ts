/** Where engines easily differ from OPA. The same policies are compared with OPA itself in `differential.test.ts`. */
import { expect, it } from 'vitest'
import { compile } from '../src/index.js'
import { kept } from './kept-differences.js'

it.each(kept)('$why', ({ source, input, value }) => {
  expect(compile([{ path: 'gen.rego', source }]).evaluate('data.gen', input)).toEqual(value)
})

it('a head cannot close over a variable that nothing binds', () => {
  const source = 'package gen\na contains [x | some y in input.c] if {\n\t[z, z] = input.d\n}'
  expect(() => compile([{ path: 'gen.rego', source }])).toThrow(/rego_unsafe_var_error: var x is unsafe/)
})

it('an evaluation may start another from a print', () => {
  const policy = compile([
    { path: 'p.rego', source: 'package p\na contains x if {\n\tsome x in [1, 2, 3]\n\tprint(x)\n}' },
  ])
  const inner: unknown[] = []
  const found = policy.query('data.p.a[x]', {}, { print: () => inner.push(policy.query('data.p.a[x]', {}).length) })
  expect(found).toEqual([{ x: 1 }, { x: 2 }, { x: 3 }])
  expect(inner).toEqual([3, 3, 3])
})
