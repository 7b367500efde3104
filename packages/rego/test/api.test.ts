import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CompileOptions, compile, Decimal, RegoError } from '../src/index.js'

function policy(source: string, options?: CompileOptions) {
  return compile([{ path: 'policy.rego', source: `package p\n${source}` }], options)
}

function errorOf(work: () => unknown): RegoError {
  try {
    work()
  } catch (error) {
    if (error instanceof RegoError) return error
    throw error
  }
  throw new Error('no error')
}

describe('a value', () => {
  it('is undefined when no rule holds, and false only when a rule says so', () => {
    const { evaluate } = bound(policy('a if input.x\nb := false'))
    expect(evaluate('data.p.a', {})).toBeUndefined()
    expect(evaluate('data.p.b', {})).toBe(false)
  })

  it('comes as JSON, sets as arrays in the order of OPA', () => {
    const value = policy('a := {"b", 2, null, [1], {"k": {1}}, true, 10}').evaluate('data.p.a')
    expect(value).toEqual([null, true, 2, 10, 'b', [1], { k: [1] }])
  })

  it('keeps numbers beyond a double exact', () => {
    const found = policy('a := 12345678901234567890 + 1\nb := 0.1 + 0.2\nc := 0.12345678901234567890123\nd := 1 / 3')
    expect(found.evaluate('data.p.a')).toBe(12345678901234567891n)
    expect(found.evaluate('data.p.b')).toBe(0.3)
    expect(String(found.evaluate('data.p.c'))).toBe('0.12345678901234567890123')
    expect(found.evaluate('data.p.c')).toBeInstanceOf(Decimal)
    expect(found.evaluate('data.p.d')).toBe(1 / 3)
  })

  it('may be changed by whoever gets it, without any effect on the next', () => {
    const found = policy('a := {"list": [1], "inner": {"x": 1}}')
    const first = found.evaluate('data.p.a') as { list: number[]; inner: { x: number } }
    first.list.push(2)
    first.inner.x = 9
    expect(found.evaluate('data.p.a')).toEqual({ list: [1], inner: { x: 1 } })
  })

  it('follows an input that the caller changes in place', () => {
    const found = policy('a if input.x in input.list')
    const input = { x: 'new', list: Array.from({ length: 200 }, (_, at) => `old-${at}`) }
    for (let time = 0; time < 3; time++) expect(found.evaluate('data.p.a', input)).toBeUndefined()
    input.list.push('new')
    expect(found.evaluate('data.p.a', input)).toBe(true)
  })

  it('does not change when the data that was given does', () => {
    const data = { list: [1] }
    const found = policy('a := count(data.list)', { data })
    data.list.push(2)
    expect(found.evaluate('data.p.a')).toBe(1)
  })
})

describe('a query', () => {
  it('gives its bindings, one for each solution', () => {
    const found = policy('roles["alice"] contains "admin"\nroles["bob"] contains "reader"')
    expect(found.query('data.p.roles[user][role]')).toEqual([
      { user: 'alice', role: 'admin' },
      { user: 'bob', role: 'reader' },
    ])
    expect(found.query('data.p.roles.carol[role]')).toEqual([])
    expect(found.query('x := 1; y := x + 1')).toEqual([{ x: 1, y: 2 }])
  })
})

describe('an error at compile time', () => {
  it.each([
    ['rego_parse_error', 'a if {', 2, 7],
    ['rego_parse_error', 'a { true }', 2, 1],
    ['rego_compile_error', 'a if {\n  x := 1\n  x := 2\n}', 4, 3],
    ['rego_compile_error', 'a if {\n  some x\n  true\n}', 3, 8],
    ['rego_type_error', 'a if startwith("a", "b")', 2, 6],
    ['rego_type_error', 'f(x) := x\na := f(1, 2)', 3, 6],
    ['rego_type_error', 'a := 1\na contains 2', 2, 1],
    ['rego_unsafe_var_error', 'a if not x', 2, 6],
    ['rego_recursion_error', 'a if b\nb if a', 2, 1],
  ])('%s has the place: %s', (code, source, line, column) => {
    const error = errorOf(() => policy(source))
    expect(error).toMatchObject({ code, file: 'policy.rego', line, column })
    expect(error.errors[0]).toMatchObject({ code, file: 'policy.rego', line, column })
  })

  it('comes with every other one that was found', () => {
    const error = errorOf(() => policy('a if x\nb if y\nc if z'))
    expect(error.errors.map(({ line, message }) => [line, message])).toEqual([
      [2, 'var x is unsafe'],
      [3, 'var y is unsafe'],
      [4, 'var z is unsafe'],
    ])
  })

  it('says what was probably meant', () => {
    expect(errorOf(() => policy('a if startwith("a", "b")')).message).toContain('did you mean startswith?')
  })

  it('is an unused import or variable too, when strict', () => {
    const source = 'import data.x.y\nimport data.z as w\na if {\n  b := 1\n  w.c\n}'
    expect(() => policy(source)).not.toThrow()
    expect(errorOf(() => policy(source, { strict: true })).errors.map(({ line, message }) => [line, message])).toEqual([
      [5, 'assigned var b unused'],
      [2, 'import data.x.y unused'],
    ])
  })

  it.each([
    ['import data.a.x\nimport data.b.x\nc := 1', 'import must not shadow import data.a.x'],
    ['a := 1\nb if a with data.p.a.c as 2', 'with keyword cannot partially replace virtual document(s)'],
    ['a if true with nothing.here as 2', 'with keyword target must reference existing input, data, or a function'],
    ['a := b if b := 1 + "x"', 'plus: invalid argument(s)'],
    ['a if 1 == "x"', 'match error'],
    ['a := {"x": 1}\nb := a.y', 'undefined ref: data.p.a.y'],
    ['f(x) := 1 if startswith(x, "a")\nb := f(1)', 'data.p.f: invalid argument(s)'],
    ['input := 1', 'rules must not shadow input'],
    ['f(x) := y if {\n  x := 1\n  y := x\n}', 'arg x redeclared'],
    ['a := 1\na.b := 2', 'rule data.p.a conflicts with [data.p.a.b]'],
    ['default a := 1\ndefault a := 2', 'multiple default rules data.p.a found'],
  ])('is found in %j', (source, message) => {
    expect(errorOf(() => policy(source)).message).toContain(message)
  })

  it('refuses built-ins that the caller does not allow, with the line', () => {
    const allowBuiltins = (name: string) => name !== 'http.send'
    const error = errorOf(() => policy('a := 1\nb := http.send({"method": "get", "url": "x"})', { allowBuiltins }))
    expect(error).toMatchObject({ code: 'rego_type_error', line: 3 })
    expect(policy('a := count("abc") + 1', { allowBuiltins: ['count'] }).evaluate('data.p.a')).toBe(4)
    expect(() => policy('a := upper("x")', { allowBuiltins: ['count'] })).toThrow(
      /unsafe built-in function calls.*upper/,
    )
  })
})

describe('an error at run time', () => {
  it('is a conflict when two rules disagree', () => {
    const found = policy('a := 1 if input.x\na := 2 if input.y')
    expect(found.evaluate('data.p.a', { x: 1 })).toBe(1)
    expect(errorOf(() => found.evaluate('data.p.a', { x: 1, y: 1 })).code).toBe('eval_conflict_error')
  })

  it('of a built-in makes its expression undefined, or is raised when errors are strict', () => {
    const source = 'a := 1 / input.x\nb := upper(input.x)'
    expect(policy(source).evaluate('data.p.a', { x: 0 })).toBeUndefined()
    const strict = policy(source, { strictBuiltinErrors: true })
    expect(errorOf(() => strict.evaluate('data.p.a', { x: 0 }))).toMatchObject({ code: 'eval_builtin_error', line: 2 })
    expect(errorOf(() => strict.evaluate('data.p.b', { x: 0 }))).toMatchObject({ code: 'eval_type_error', line: 3 })
  })

  it('is never anything but a RegoError, whatever the input is', () => {
    const found = policy('a := [x | walk(input, [_, x])]\nb := input.a.b\nc := json.marshal(input)')
    const cyclic: Record<string, unknown> = {}
    cyclic.a = cyclic
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new TypeError('boom')
        },
        ownKeys: () => {
          throw new TypeError('boom')
        },
      },
    )
    for (const input of [cyclic, hostile, () => 1, Symbol('x'), new Map(), new Date(), Number.NaN]) {
      for (const name of ['a', 'b', 'c']) {
        try {
          found.evaluate(`data.p.${name}`, input)
        } catch (error) {
          expect(error).toBeInstanceOf(RegoError)
        }
      }
    }
  })

  it('is never anything but a RegoError for any JSON', () => {
    const found = policy(`
      a := {x: y | some x, y in input}
      b contains x if { some x in input; x > 1 }
      c := sum([x | some x in input; is_number(x)])
      d if every x in input { x != null }
      e := input[_][_]
      f := object.union(input, {"k": input})`)
    fc.assert(
      fc.property(fc.jsonValue(), (input) => {
        for (const name of 'abcdef') {
          try {
            found.evaluate(`data.p.${name}`, input)
          } catch (error) {
            if (!(error instanceof RegoError)) throw error
          }
        }
      }),
    )
  })
})

describe('a policy that runs away', () => {
  it('is stopped after so many steps', () => {
    const source = 'a := count([1 | some _ in input.x; some _ in input.x; some _ in input.x])'
    const found = policy(source, { maxSteps: 10_000 })
    expect(found.evaluate('data.p.a', { x: [1, 2, 3] })).toBe(27)
    const error = errorOf(() => found.evaluate('data.p.a', { x: Array.from({ length: 100 }, (_, at) => at) }))
    expect(error.code).toBe('eval_limit_error')
  })

  it('is stopped when its result is too large', () => {
    const found = policy('a := [x | some x in input.x]', { maxResultSize: 100 })
    expect(found.evaluate('data.p.a', { x: [1] })).toEqual([1])
    expect(errorOf(() => found.evaluate('data.p.a', { x: Array.from({ length: 101 }, () => 0) })).code).toBe(
      'eval_limit_error',
    )
  })

  it('is stopped before a text doubled over and over fills the memory', () => {
    const rules = Array.from({ length: 60 }, (_, at) => `s${at + 1} := concat("", [s${at}, s${at}])`)
    const found = policy(['s0 := "0123456789abcdef"', ...rules].join('\n'), { strictBuiltinErrors: true })
    expect(errorOf(() => found.evaluate('data.p.s60')).message).toMatch(/too large|steps/)
  })

  it.each(['[', '{"a": ', '(', '{', 'f('])('is read once however deep %j nests', (open) => {
    const close = { '[': ']', '(': ')', 'f(': ')' }[open] ?? '}'
    const found = errorOf(() => policy(`f(x) := x\na := ${open.repeat(60)}1${close.repeat(60)}\nb if c`))
    expect(found.code).toBe('rego_unsafe_var_error')
  })

  it('is compiled in time that grows with its length, not with its nesting', () => {
    const nested = `a := ${'{y | y := '.repeat(40)}1${'}'.repeat(40)}`
    expect(policy(nested).evaluate('data.p.a')).toBeDefined()
    const chain = Array.from({ length: 2_000 }, (_, at) => `r${at} := r${at + 1}`).join('\n')
    expect(policy(`${chain}\nr2000 := 1`).evaluate('data.p.r1900')).toBe(1)
  })

  it('is refused when its text nests too deeply', () => {
    expect(errorOf(() => policy(`a := ${'['.repeat(5000)}${']'.repeat(5000)}`)).code).toBe('rego_parse_error')
    expect(errorOf(() => policy(`a := ${'{1 | '.repeat(60)}true${'}'.repeat(60)} ?`)).code).toBe('rego_parse_error')
  })
})

describe('keys that JavaScript has a meaning for', () => {
  it('are keys like any other', () => {
    const found = policy(`
      a := {"__proto__": {"polluted": true}, "constructor": 1}
      b := input.constructor
      c := input["__proto__"]
      d := {k: v | some k, v in input}
      e := object.union({"__proto__": 1}, {"toString": 2})
      f := data.constructor
      g := object.get(input, "hasOwnProperty", "none")`)
    const a = found.evaluate('data.p.a') as object
    expect(Object.getPrototypeOf(a)).toBe(Object.prototype)
    expect(Object.keys(a).sort()).toEqual(['__proto__', 'constructor'])
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    expect(found.evaluate('data.p.b', {})).toBeUndefined()
    expect(found.evaluate('data.p.c', {})).toBeUndefined()
    const parsed = JSON.parse('{"__proto__": 7}') as unknown
    expect(found.evaluate('data.p.c', parsed)).toBe(7)
    expect(Object.keys(found.evaluate('data.p.d', parsed) as object)).toEqual(['__proto__'])
    expect(Object.keys(found.evaluate('data.p.e') as object).sort()).toEqual(['__proto__', 'toString'])
    expect(found.evaluate('data.p.f')).toBeUndefined()
    expect(found.evaluate('data.p.g', {})).toBe('none')
  })
})

describe('the time', () => {
  it('is the caller’s, and stands still during an evaluation', () => {
    const found = policy('a := time.now_ns()\nb if time.now_ns() == time.now_ns()')
    expect(found.evaluate('data.p.a', {}, { nowNs: 1_700_000_000_123_456_789n })).toBe(1_700_000_000_123_456_789n)
    expect(found.evaluate('data.p.b')).toBe(true)
  })
})

describe('print', () => {
  it('reaches the caller with its place, and never changes a decision', () => {
    const found = policy('a if {\n  print("user", input.user, input.missing)\n  true\n}')
    const seen: string[] = []
    expect(
      found.evaluate('data.p.a', { user: 'bob' }, { print: (text, { line }) => seen.push(`${line}: ${text}`) }),
    ).toBe(true)
    expect(seen).toEqual(['3: user bob <undefined>'])
    expect(found.evaluate('data.p.a', {})).toBe(true)
  })
})

describe('explain', () => {
  it('tells which rules fired or failed, and where', () => {
    const found = policy('default a := false\na if {\n  input.x == 1\n  input.y == 2\n}\na if b\nb if input.z')
    const { value, rules } = found.explain('data.p.a', { x: 1, z: true })
    expect(value).toBe(true)
    expect(rules).toEqual([
      { rule: 'data.p.a', file: 'policy.rego', line: 3, column: 1, fired: false, failedAt: { line: 5, column: 3 } },
      { rule: 'data.p.a', file: 'policy.rego', line: 7, column: 1, fired: true, value: true },
      { rule: 'data.p.b', file: 'policy.rego', line: 8, column: 1, fired: true, value: true },
    ])
  })
})

function bound(found: ReturnType<typeof compile>) {
  return { evaluate: (reference: string, input?: unknown) => found.evaluate(reference, input) }
}
