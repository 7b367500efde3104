import { expect, it } from 'vitest'
import { compile } from '../index.js'

/** The value of one expression; errors of built-ins are raised. */
function evaluate(expression: string, input: unknown = {}): unknown {
  const source = `package t\n\nresult := ${expression}`
  return compile([{ path: 't.rego', source }], { strictBuiltinErrors: true }).evaluate('data.t.result', input as never)
}

it.each([
  ['upper("straße ŉ ﬁ")', 'STRAßE ŉ ﬁ'],
  ['lower("ΑΣ İ")', 'ας i'.replace('ς', 'σ')],
  ['substring("aåäö", 2, -1)', 'äö'],
  ['indexof("🍧🍨🍮", "🍮")', 2],
  ['indexof_n("ababab", "aba")', [0, 2]],
  ['split("tést", "")', ['t', 'é', 's', 't']],
  ['strings.split_n("a,b,c", ",", -2)', ['b', 'c']],
  ['strings.count("dummy", "")', 6],
  ['strings.reverse("1😀é")', 'é😀1'],
  ['trim_space("\\u0085 x \\ufeff")', 'x \ufeff'],
  ['strings.replace_n({"a": "1", "ab": "2"}, "abab")', '1b1b'],
  ['replace("abc", "", "-")', '-a-b-c-'],
  ['concat(",", {"b", "a"})', 'a,b'],
])('answers %s with %j', (expression, value) => {
  expect(evaluate(expression)).toEqual(value)
})

it.each([
  ['%05d|%-4s|%.2f|%x|%q', [7, 'a', 1.2345, 'hi', 'q"'], '00007|a   |1.23|6869|"q\\""'],
  ['%v %v %s', [['x', 1.5], { a: true }, null], '["x", 1.5] {"a": true} null'],
  ['%d %s', [3.5], '%!d(float64=3.5) %!s(MISSING)'],
  ['%d', [1, 'x'], '1%!(EXTRA string=x)'],
  ['%[2]d %[1]d', [1, 2], '2 1'],
  ['100%', [], '100%!(NOVERB)'],
])('formats %j with %j as Go does', (format, operands, text) => {
  expect(evaluate('sprintf(input.format, input.operands)', { format, operands })).toBe(text)
})

it('renders templates, with values that are missing shown as undefined', () => {
  const values = { names: ['a', 'b'], user: { id: 7 } }
  const render = (template: string): unknown =>
    evaluate('strings.render_template(input.t, input.v)', { t: template, v: values })
  expect(render('{{range $i, $n := .names}}{{if $i}},{{end}}{{$n}}{{end}} {{.user.id}} {{.nope}}')).toBe(
    'a,b 7 <undefined>',
  )
  expect(render('{{with .user}}{{.id | printf "%s!"}}{{end}}{{/* c */ -}}  x')).toBe('7!x')
  expect(() => render('{{if .names}}')).toThrow('unexpected EOF')
  expect(() => render('{{nope}}')).toThrow('function "nope" not defined')
})

it('names the operand and the type that does not fit', () => {
  expect(() => evaluate('strings.any_prefix_match(input, ["a"])', [1])).toThrow(
    'strings.any_prefix_match: operand 1 must be array of strings but got array containing number',
  )
  expect(() => evaluate('upper(input)', 1)).toThrow('upper: operand 1 must be string but got number')
})
