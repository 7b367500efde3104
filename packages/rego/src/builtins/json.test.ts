import { expect, it } from 'vitest'
import { compile } from '../index.js'

/** The value of one expression; errors of built-ins are raised. */
function evaluate(expression: string, input: unknown = {}): unknown {
  const source = `package t\n\nresult := ${expression}`
  return compile([{ path: 't.rego', source }], { strictBuiltinErrors: true }).evaluate('data.t.result', input as never)
}

it('writes JSON as Go does', () => {
  expect(evaluate('json.marshal({"b": {3, 1}, "a": "<&>\\u2028", 1: null})')).toBe(
    '{"1":null,"a":"\\u003c\\u0026\\u003e\\u2028","b":[1,3]}',
  )
  expect(evaluate('json.marshal_with_options([1, []], {"indent": " ", "prefix": ">"})')).toBe('>[\n> 1,\n> []\n>]')
})

it.each([
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ['[1 2]', "invalid character '2' after array element"],
  ['nul', 'unexpected EOF'],
  ['', 'EOF'],
  ['[1] 2', "error: invalid character '2' after top-level value"],
])('says of %j: %s', (text, message) => {
  expect(() => evaluate('json.unmarshal(input)', text)).toThrow(message)
  expect(evaluate('json.is_valid(input)', text)).toBe(false)
})

it('keeps numbers exact and odd keys plain', () => {
  expect(evaluate('json.unmarshal("[12345678901234567890]")')).toEqual([12345678901234567890n])
  const parsed = evaluate('json.unmarshal(input)', '{"__proto__": {"x": 1}, "constructor": 2}') as object
  expect(Object.keys(parsed)).toEqual(['__proto__', 'constructor'])
  expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype)
})

it('edits by path', () => {
  const patch = (document: unknown, ...operations: unknown[]): unknown =>
    evaluate('json.patch(input.document, input.operations)', { document, operations })
  expect(patch({ a: [1, 2] }, { op: 'add', path: '/a/-', value: 3 }, { op: 'move', from: 'a/0', path: 'b' })).toEqual({
    a: [2, 3],
    b: 1,
  })
  expect(patch({ a: { 'x/y': 1 } }, { op: 'replace', path: '/a/x~1y', value: 2 })).toEqual({ a: { 'x/y': 2 } })
  expect(() => patch({ a: 1 }, { op: 'remove', path: 'b' })).toThrow('cannot delete child key "b" that does not exist')
  expect(evaluate('json.patch({[1]}, [{"op": "add", "path": [[1], 1], "value": 2}])')).toEqual([[1, 2]])
  expect(Object.hasOwn(patch({}, { op: 'add', path: '__proto__', value: 1 }) as object, '__proto__')).toBe(true)
})

it('keeps and removes by path', () => {
  const document = '{"a": {"b": [1, 2, {"c": 3}], "d": 4}, "e": 5}'
  expect(evaluate(`json.filter(${document}, ["a/b/2", "e/x"])`)).toEqual({ a: { b: [{ c: 3 }] }, e: 5 })
  expect(evaluate(`json.remove(${document}, ["a/b/0", ["a", "d"]])`)).toEqual({ a: { b: [2, { c: 3 }] }, e: 5 })
})

it('validates by schema, with the messages of OPA', () => {
  expect(
    evaluate('json.match_schema({"id": "x"}, {"properties": {"id": {"type": "integer"}}, "required": ["n"]})'),
  ).toEqual([
    false,
    [
      { desc: 'n is required', error: '(Root): n is required', field: '(Root)', type: 'required' },
      {
        desc: 'Invalid type. Expected: integer, given: string',
        error: 'id: Invalid type. Expected: integer, given: string',
        field: 'id',
        type: 'invalid_type',
      },
    ],
  ])
  expect(evaluate('json.verify_schema({"type": "foo"})')).toEqual([
    false,
    'jsonschema: has a primitive type that is NOT VALID -- given: /foo/ Expected valid values are:[array boolean integer number null object string]',
  ])
  // A schema that refers to itself describes trees, and one that is nothing else ends too.
  const tree =
    '{"definitions": {"t": {"type": "array", "items": {"$ref": "#/definitions/t"}}}, "$ref": "#/definitions/t"}'
  expect(evaluate(`json.match_schema("[[], [[]]]", ${tree})`)).toEqual([true, []])
  expect(() => evaluate('json.match_schema({}, {"$ref": "#"})')).toThrow()
})

it('reads and writes YAML', () => {
  expect(evaluate('yaml.unmarshal(input)', 'a: &x [1, 0x1F, no, ~, 2020-01-01]\nb: *x\n<<: {c: true}\n')).toEqual({
    a: [1, 31, 'no', null, '2020-01-01'],
    b: [1, 31, 'no', null, '2020-01-01'],
    c: true,
  })
  expect(evaluate('yaml.marshal({"a": ["x", {"k": "yes"}], "n": "1", "t": "l1\\nl2\\n"})')).toBe(
    'a:\n  - x\n  - k: "yes"\n"n": "1"\nt: |\n  l1\n  l2\n',
  )
  expect(() => evaluate('yaml.unmarshal("[1,2,3")')).toThrow("yaml: line 1: did not find expected ',' or ']'")
})
