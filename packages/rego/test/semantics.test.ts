/** Where engines easily differ from OPA. The same policies are compared with OPA itself in `differential.test.ts`. */
import { expect, it } from 'vitest'
import { compile, RegoError } from '../src/index.js'
import { kept } from './kept-differences.js'

it.each(kept)('$why', ({ source, input, value }) => {
  expect(compile([{ path: 'gen.rego', source }]).evaluate('data.gen', input)).toEqual(value)
})

it('a head cannot close over a variable that nothing binds', () => {
  const source = 'package gen\na contains [x | some y in input.c] if {\n\t[z, z] = input.d\n}'
  expect(() => compile([{ path: 'gen.rego', source }])).toThrow(/rego_unsafe_var_error: var x is unsafe/)
})

it('when errors are strict, that of a built-in is reported before a conflict that follows', () => {
  const source = 'package p\na := 1 if 1 / input.zero\na := 2\na := 3'
  const policy = compile([{ path: 'p.rego', source }], { strictBuiltinErrors: true })
  expect(() => policy.evaluate('data.p.a', { zero: 0 })).toThrow(/eval_builtin_error: div: divide by zero/)
  expect(() => policy.query('data.p.a = x', { zero: 0 })).toThrow(/eval_builtin_error/)
  expect(() => policy.evaluate('data.p.a', { zero: 1 })).toThrow(/eval_conflict_error/)
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

it('a call of a deprecated built-in is refused, as OPA refuses it', () => {
  expect(() => compile([{ path: 'a.rego', source: 'package a\np if all([true])' }])).toThrow(
    'deprecated built-in function calls in expression: all',
  )
})

it('bytes that are no UTF-8 leave the engine as replacement characters', () => {
  const source = 'package a\np := {base64.decode("/w=="): base64.decode("YWL/")}'
  expect(compile([{ path: 'a.rego', source }]).evaluate('data.a.p')).toEqual({ '\ufffd': 'ab\ufffd' })
})

it.each([
  ['arrays of arrays', (x: string) => `[${x}, ${x}]`],
  ['objects of objects', (x: string) => `{"l": ${x}, "r": ${x}}`],
  ['sets of arrays', (x: string) => `{${x}, [${x}]}`],
])('a value that shares its parts sixty times over is never read through: %s', (_, pair) => {
  const lines = Array.from({ length: 60 }, (_, n) => `\tx${n + 1} := ${pair(`x${n}`)}`)
  for (const use of ['x60 == 1', 'y := {x60}', 'y := json.marshal(x60)', 'y := sprintf("%v", [x60])', 'x60 < x59']) {
    const source = ['package a', 'p if {', '\tx0 := [1]', ...lines, `\t${use}`, '}'].join('\n')
    const started = performance.now()
    try {
      compile([{ path: 'a.rego', source }]).evaluate('data.a.p', {})
    } catch (error) {
      expect(error).toBeInstanceOf(RegoError)
    }
    expect(performance.now() - started).toBeLessThan(10_000)
  }
})

it('a number with a monstrous exponent is no work', () => {
  const source = 'package a\np := json.unmarshal("1e999999999") + 1'
  expect(() => compile([{ path: 'a.rego', source }]).evaluate('data.a.p')).toThrow(/too large/)
})
