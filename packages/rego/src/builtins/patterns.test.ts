import { performance } from 'node:perf_hooks'
import { expect, it } from 'vitest'
import { compile } from '../index.js'

/** The value of one expression; errors of built-ins are raised. */
function evaluate(expression: string, input: unknown = {}): unknown {
  const source = `package t\n\nresult := ${expression}`
  return compile([{ path: 't.rego', source }], { strictBuiltinErrors: true }).evaluate('data.t.result', input as never)
}

it('replaces with groups by number and name', () => {
  const template = ['$', '{first}-$2-$9-$$'].join('')
  expect(evaluate('regex.replace("john doe", "(?P<first>[a-z]+) ([a-z]+)", input)', template)).toBe('john-doe--$')
})

it('leaves out an empty match right after another, as Go does', () => {
  expect(evaluate('regex.find_n("a*", "baaac", -1)')).toEqual(['', 'aaa', ''])
  expect(evaluate('regex.split("a*", "baaac")')).toEqual(['b', 'c'])
})

it('refuses what RE2 refuses', () => {
  expect(evaluate('[regex.is_valid(p) | some p in ["(?=a)", "a**", "(a", "\\\\pL+"]]')).toEqual([
    false,
    false,
    false,
    true,
  ])
  expect(() => evaluate('regex.match("(a", "a")')).toThrow('error parsing regexp: missing closing ): `(a`')
})

it('matches in linear time where backtracking would not end', () => {
  const started = performance.now()
  expect(evaluate('regex.match("^(a+)+$", input)', `${'a'.repeat(50_000)}b`)).toBe(false)
  expect(evaluate('glob.match("{*a,*}*a*a*a*a*a*a*b", null, input)', 'a'.repeat(50_000))).toBe(false)
  expect(evaluate('regex.globs_match(input.a, input.b)', { a: '.*c'.repeat(60), b: '.*d'.repeat(60) })).toBe(false)
  expect(performance.now() - started).toBeLessThan(5_000)
})

it.each([
  ['*.github.com', ['.'], 'api.github.com', true],
  ['*.github.com', ['.'], 'a.b.github.com', false],
  ['**.github.com', ['.'], 'a.b.github.com', true],
  ['{cat,[bf]at,}', null, 'fat', true],
  ['{cat,[bf]at,}', null, '', true],
  ['[!a-c]at', null, 'bat', false],
  ['a\\*b', null, 'a*b', true],
  ['*', [], 'a.b', false],
  ['*', null, 'a\nb', true],
])('matches glob %j between %j with %j: %j', (pattern, delimiters, text, matched) => {
  expect(evaluate('glob.match(input.pattern, input.delimiters, input.text)', { pattern, delimiters, text })).toBe(
    matched,
  )
})

it('finds whether two patterns have a text in common', () => {
  expect(evaluate('regex.globs_match("a.a.[0-9]+z", ".b.b2359825792*594823z")')).toBe(true)
  expect(() => evaluate('regex.globs_match("pqrs]", "[a-b]+")')).toThrow(
    "input:pqrs], pos:5, set-close ']' with no preceding '[': the input provided is invalid",
  )
})
