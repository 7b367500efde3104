import { performance } from 'node:perf_hooks'
import { describe, expect, it } from 'vitest'
import { compile } from '../index.js'

const doubled = (start: string, again: (name: string) => string): string => {
  const lines = [`x0 := ${start}`]
  for (let i = 1; i <= 60; i++) lines.push(`x${i} := ${again(`x${i - 1}`)}`)
  return lines.join('\n')
}

describe('a built-in that would make a result of runaway size stops the evaluation', () => {
  it.each([
    ['numbers.range', 'x60 := numbers.range(1, 1e15)'],
    ['net.cidr_expand', 'x60 := net.cidr_expand("10.0.0.0/8")'],
    ['bits.lsh', 'x60 := bits.lsh(1, 1000000000)'],
    ['array.concat', doubled('[1, 2]', (x) => `array.concat(${x}, ${x})`)],
    ['concat', doubled('"ab"', (x) => `concat("", [${x}, ${x}])`)],
    ['sprintf', doubled('"ab"', (x) => `sprintf("%s%s", [${x}, ${x}])`)],
    [
      'sprintf of nested values',
      `${doubled('[1]', (x) => `[${x} | some _ in [1, 2]]`).replace('x60 :=', 'y :=')}\nx60 := sprintf("%v", [y])`,
    ],
    ['sprintf with widths', `x60 := sprintf(${JSON.stringify('%999999d'.repeat(200))}, numbers.range(1, 200))`],
    ['replace', doubled('"aa"', (x) => `replace(${x}, "a", "aa")`)],
    ['regex.replace', doubled('"aa"', (x) => `regex.replace(${x}, "a", "aa")`)],
    [
      'json.marshal',
      `${doubled('[1]', (x) => `[${x} | some _ in [1, 2]]`).replace('x60 :=', 'y :=')}\nx60 := json.marshal(y)`,
    ],
    [
      'yaml.marshal',
      `${doubled('[1]', (x) => `[${x} | some _ in [1, 2]]`).replace('x60 :=', 'y :=')}\nx60 := yaml.marshal(y)`,
    ],
    ['product', doubled('123456789', (x) => `product([${x}, ${x}])`)],
    ['units.parse', 'x60 := units.parse("1e999999Ei")'],
    [
      'strings.render_template',
      'x60 := strings.render_template("{{range 100000000}}{{range 100000000}}x{{end}}{{end}}", {})',
    ],
    [
      'yaml.unmarshal',
      `x60 := yaml.unmarshal(${JSON.stringify(Array.from({ length: 40 }, (_, i) => `a${i}: &a${i} ${i === 0 ? '[x]' : `[*a${i - 1}, *a${i - 1}]`}`).join('\n'))})`,
    ],
  ])('%s', (_, source) => {
    const policy = compile([{ path: 't.rego', source: `package t\n\n${source}` }], { strictBuiltinErrors: true })
    const started = performance.now()
    expect(() => policy.evaluate('data.t.x60', {})).toThrow()
    expect(performance.now() - started).toBeLessThan(10_000)
  })
})

describe('input that nests deeply ends in an error, never in a crash', () => {
  const nested = (open: string, close: string, depth: number): string => open.repeat(depth) + close.repeat(depth)

  it.each([
    ['json.unmarshal(input)', nested('[', ']', 200_000)],
    ['json.unmarshal(input)', `${'{"é":'.repeat(6_000)}"\\u0041"${'}'.repeat(6_000)}`],
    ['yaml.unmarshal(input)', nested('[', ']', 200_000)],
    ['yaml.unmarshal(input)', `${'- '.repeat(50_000)}a`],
    ['regex.match(input, "a")', nested('(', ')', 50_000)],
    ['strings.render_template(input, {})', `{{${nested('(', ')', 50_000)}}}`],
    ['strings.render_template(input, {})', nested('{{if 1}}', '{{end}}', 5_000)],
    ['strings.render_template(input, {})', '{{define "T"}}{{template "T"}}{{end}}{{template "T"}}'],
    ['json.match_schema("{}", input)', `${'{"not":'.repeat(5_000)}{}${'}'.repeat(5_000)}`],
  ])('%s', (expression, input) => {
    const policy = compile([{ path: 't.rego', source: `package t\n\nresult := ${expression}` }], {
      strictBuiltinErrors: true,
    })
    expect(() => policy.evaluate('data.t.result', input)).toThrow(expect.objectContaining({ name: 'RegoError' }))
  })

  it('also when it comes as a value', () => {
    let deep: unknown = 'é'
    // Not so deep that the stack would end it: far before that.
    for (let i = 0; i < 510; i++) deep = [deep]
    for (const expression of [
      'json.marshal(input)',
      'yaml.marshal(input)',
      'sprintf("%v", [input])',
      'strings.render_template("x", {"a": input})',
    ]) {
      const policy = compile([{ path: 't.rego', source: `package t\n\nresult := ${expression}` }], {
        strictBuiltinErrors: true,
      })
      expect(() => policy.evaluate('data.t.result', deep as never)).toThrow(
        expect.objectContaining({ name: 'RegoError' }),
      )
    }
  })
})
