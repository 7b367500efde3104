/** The head of a policy that writes its own result. */
const head = 'package countersign.authz\n\n'

const allow = (condition: string, rules = '') => `${head}${rules}\nallow contains "runaway" if {\n${condition}\n}\n`

const doubling = (times: number, start: string, twice: (name: string) => string): string => {
  const rules = Array.from({ length: times }, (_, i) => `x${i + 1} := ${twice(`x${i}`)}`)
  return allow(`x${times} != null`, `x0 := ${start}\n${rules.join('\n')}\n`)
}

const nested = (times: number, open: string, middle: string, close: string): string =>
  allow(`y := ${open.repeat(times)}${middle}${close.repeat(times)}\ny != null`)

/** Policies that would never end, or fill the memory, in an engine that lets them. */
export const RUNAWAY: Readonly<Record<string, string>> = {
  'counting to a thousand million': allow('count(numbers.range(1, 1000000000)) > 0'),
  'a loop in a loop in a loop': allow(
    'n := numbers.range(1, 10000)\nsome a in n\nsome b in n\nsome c in n\na + b + c == -1',
  ),
  'every of every': allow(
    'n := numbers.range(1, 10000)\nevery a in n { every b in n { every c in n { a + b + c > 0 } } }',
  ),
  'a text twice itself': doubling(60, '"aaaaaaaa"', (x) => `concat("", [${x}, ${x}])`),
  'a text in the place of its letters': doubling(12, '"aaaaaaaa"', (x) => `replace(${x}, "a", ${x})`),
  'an array twice itself': doubling(60, '[1]', (x) => `array.concat(${x}, ${x})`),
  'a format a thousand million wide': allow('sprintf("%1000000000d", [1]) != ""'),
  'a format exact to a thousand million digits': allow('sprintf("%.1000000000f", [1]) != ""'),
  'a shift by a thousand million': allow('bits.lsh(1, 1000000000) > 0'),
  'a number with an exponent without end': allow('1e1000000000 > input.x'),
  'a number in text with an exponent without end': allow(
    'to_number("1e999999999") > 1\nunits.parse("1e999999999") > 1',
  ),
  'the whole internet': allow('count(net.cidr_expand("0.0.0.0/0")) > 0'),
  'the whole new internet': allow('count(net.cidr_expand("::/0")) > 0'),
  'a regular expression that backtracks': allow(
    's := concat("", [x | some n in numbers.range(1, 20000); x := "a"])\nregex.match("^(a+)+$", concat("", [s, "b"]))',
  ),
  'a regular expression of every part': allow(
    's := concat("", [x | some n in numbers.range(1, 3000); x := "a"])\ncount(regex.find_n("(.*)(.*)(.*)(.*)(.*)b", s, -1)) > 0',
  ),
  'a regular expression a million states large': allow('regex.match("((((x{100}){100}){100}){100})", input.x)'),
  'a regular expression nested deep': allow(`regex.match("${'('.repeat(5000)}a${')'.repeat(5000)}", "a")`),
  'a pattern of many stars': allow(
    's := concat("", [x | some n in numbers.range(1, 5000); x := "a"])\nglob.match("*a*a*a*a*a*a*a*a*a*a*a*a*b", [], s)',
  ),
  'two patterns that may meet': allow(`regex.globs_match("${'[a-z]*'.repeat(40)}x", "${'[a-y]*'.repeat(40)}z")`),
  'functions that call functions': allow(
    'f30(1) == 1',
    `f0(x) := x\n${Array.from({ length: 30 }, (_, i) => `f${i + 1}(x) := y if { y := f${i}(x) + f${i}(x + 1) }`).join('\n')}`,
  ),
  'a function of itself': allow('f(1) == 1', 'f(x) := f(x + 1)\n'),
  'a rule of itself': `${head}p if p\nallow contains "a" if p\n`,
  'parentheses without end': nested(20_000, '(', '1', ')'),
  'arrays without end': nested(20_000, '[', '1', ']'),
  'objects without end': nested(20_000, '{"a": ', '1', '}'),
  'comprehensions without end': nested(2000, '[x | x := ', '1', ']'),
  'signs without end': allow(`y := 1${' - 1'.repeat(30_000)}\ny < 0`),
  'not without end': allow(`${'not '.repeat(20_000)}true`),
  'every without end': allow(`${'every a in [1] { '.repeat(3000)}true${' }'.repeat(3000)}`),
  'with without end': allow(`input.x == 1${' with input.x as 1'.repeat(5000)}`),
  'else without end': `${head}p := 0 if false${' else := 1 if false'.repeat(10_000)}\nallow contains "a" if p == 1\n`,
  'a reference without end': allow(`input${'.a'.repeat(50_000)} == 1`),
  'unification of everything': allow(
    `[${Array.from({ length: 2000 }, (_, i) => `v${i}`)}] = [${Array.from({ length: 2000 }, (_, i) => `v${(i + 1) % 2000}`)}]`,
  ),
  'a line without end': `${head}# ${'x'.repeat(250_000)}\nallow contains "a"\n`,
  'indices of everything': allow(
    'n := numbers.range(1, 1500)\nm := [n | some a in n]\nsome i\nsome j\nsome k\nm[i][j] + m[j][k] + m[k][i] == -1',
  ),
  'a sort in a loop': allow('n := numbers.range(1, 5000)\nsome a in n\ncount(sort([x | some x in n])) == a * -1'),
  'texts split in a loop': allow(
    's := concat(",", [x | some n in numbers.range(1, 50000); x := "a"])\nsome n in numbers.range(1, 50000)\ncount(split(s, ",")) == n * -1',
  ),
  'texts searched in a loop': allow(
    's := concat("", [x | some n in numbers.range(1, 100000); x := "a"])\nsome n in numbers.range(1, 100000)\ncontains(s, "b")',
  ),
  'a decimal expansion': allow('x := 1 / 3\ny := x * 1e300 * 1e300 * 1e300\nround(y) == 0'),
  'a template of everything': allow(
    `strings.render_template("${'{{range .x}}'.repeat(8)}a${'{{end}}'.repeat(8)}", {"x": numbers.range(1, 1000)}) == ""`,
  ),
  'a schema of itself': allow(
    'json.match_schema({"a": 1}, {"$ref": "#"}) == [true, []]\njson.match_schema({"a": {}}, {"$defs": {"d": {"anyOf": [{"$ref": "#/$defs/d"}, {"$ref": "#/$defs/d"}]}}, "$ref": "#/$defs/d"}) == [true, []]',
  ),
  'a comprehension of every pair': allow(
    'n := numbers.range(1, 20000)\ncount({[a, b] | some a in n; some b in n}) < 0',
  ),
  'a number squared': doubling(60, '7', (x) => `${x} * ${x}`),
  'a YAML that laughs': allow(
    `y := yaml.unmarshal("a: &a [x,x,x,x,x,x,x,x,x,x]\\n${Array.from('bcdefghijk', (c, i) => `${c}: &${c} [${Array(10).fill(`*${'abcdefghijk'[i]}`).join(',')}]`).join('\\n')}")\ncount(json.marshal(y)) > 0`,
  ),
  'sums in a loop': allow('n := numbers.range(1, 90000)\nsome a in n\nsum(n) == a * -1'),
}
