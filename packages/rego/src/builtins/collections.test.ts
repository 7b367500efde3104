import { expect, it } from 'vitest'
import { compile } from '../index.js'

/** The value of one expression; errors of built-ins are raised. */
function evaluate(expression: string, input: unknown = {}): unknown {
  const source = `package t\n\nresult := ${expression}`
  return compile([{ path: 't.rego', source }], { strictBuiltinErrors: true }).evaluate('data.t.result', input as never)
}

it('merges objects, the right-hand side winning', () => {
  expect(evaluate('object.union({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})')).toEqual({ a: { b: 3, c: 2 } })
  expect(evaluate('object.union_n([{"a": {"b": 2}}, {"a": 4}, {"a": {"c": 3}}])')).toEqual({ a: { c: 3 } })
})

it('finds by path through objects, arrays and sets', () => {
  expect(evaluate('object.get({"a": [{"b": {7}}]}, ["a", 0, "b", 7], "none")')).toBe(7)
  expect(evaluate('object.get({"a": 1}, ["a", "b"], "none")')).toBe('none')
  expect(evaluate('object.get({}, "__proto__", "none")')).toBe('none')
  expect(evaluate('object.get({"a": null}, "a", "none")')).toBe(null)
  expect(evaluate('object.get({"a": null}, ["a"], "none")')).toBe(null)
})

it.each([
  ['{"a": {"b": 1, "c": 2}}', '{"a": {"b": 1}}', true],
  ['[1, 2, 3]', '[2, 3]', true],
  ['[1, 2, 3]', '[1, 3]', false],
  ['[1, 2, 3]', '{3, 1}', true],
  ['[]', 'set()', false],
  ['{1, 2}', '{2}', true],
])('tells whether %s contains %s: %s', (outer, inner, contained) => {
  expect(evaluate(`object.subset(${outer}, ${inner})`)).toBe(contained)
})

it('follows edges', () => {
  expect(evaluate('graph.reachable({"a": ["b"], "b": ["a", "x"]}, {"a"})')).toEqual(['a', 'b'])
  expect(evaluate('graph.reachable_paths({"a": ["b", "c"], "b": ["a"], "c": []}, ["a"])')).toEqual([
    ['a', 'b'],
    ['a', 'c'],
  ])
})

it('has nothing to answer for the largest of none', () => {
  expect(evaluate('max([])')).toBeUndefined()
  expect(evaluate('min(set())')).toBeUndefined()
  expect(evaluate('sort({"b", 1, null})')).toEqual([null, 1, 'b'])
})

it('says that a built-in outside the engine is not supported', () => {
  expect(() => evaluate('graphql.parse_query("{a}")')).toThrow(
    'graphql.parse_query: not supported: GraphQL is not part of this engine',
  )
})
