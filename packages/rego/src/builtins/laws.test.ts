import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BuiltinContext } from '../builtins-api.js'
import { compare, equal, fromJson, isArray, isSet, RegoObject, RegoSet, toJsonText, type Value } from '../value.js'
import { builtins } from './index.js'

const context: BuiltinContext = {
  nowNs: 1_700_000_000_000_000_000n,
  cache: new Map(),
  randomBytes: (length) => new Uint8Array(length).fill(7),
  charge: () => {},
}

function call(name: string, ...operands: Value[]): Value | undefined {
  const found = builtins.get(name)
  if (found === undefined) throw new Error(`no built-in is named ${name}`)
  return found.run(context, ...operands)
}

const json = fc.jsonValue({ maxDepth: 3 }).map((value) => fromJson(value) as Value)
const key = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString', ''))
const object = fc.array(fc.tuple(key, json), { maxLength: 5 }).map((entries) => RegoObject.from(entries))
const set = fc.array(json, { maxLength: 5 }).map((elements) => RegoSet.from(elements))
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.constantFrom('a', '*', '{', '\\', '[', '.') }),
)
const bytes = fc.uint8Array({ maxLength: 40 })
const integer = fc.oneof(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), fc.maxSafeInteger().map(BigInt))
const number = integer.map((n) => fromJson(Number.isSafeInteger(Number(n)) ? Number(n) : n) as Value)
const nanoseconds = fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n })

/** Whether two values are the same to Rego. */
function same(a: Value | undefined, b: Value | undefined): void {
  expect(a !== undefined && b !== undefined && equal(a, b), `${a && toJsonText(a)} and ${b && toJsonText(b)}`).toBe(
    true,
  )
}

describe('what is encoded is decoded to the same', () => {
  it.each([
    ['base64.encode', 'base64.decode'],
    ['base64url.encode', 'base64url.decode'],
    ['base64url.encode_no_pad', 'base64url.decode'],
    ['hex.encode', 'hex.decode'],
    ['urlquery.encode', 'urlquery.decode'],
  ])('%s and %s, text or any bytes', (encode, decode) => {
    fc.assert(fc.property(text, (value) => same(call(decode, call(encode, value) as Value), value)))
    fc.assert(
      fc.property(bytes, (raw) => {
        const hex = Buffer.from(raw).toString('hex')
        const value = call('hex.decode', hex) as Value
        expect(call('hex.encode', call(decode, call(encode, value) as Value) as Value)).toBe(hex)
      }),
    )
  })

  it('JSON and YAML, whatever the keys', () => {
    fc.assert(fc.property(object, (value) => same(call('json.unmarshal', call('json.marshal', value) as Value), value)))
    const plain = fc
      .array(
        fc.tuple(
          fc.oneof(fc.string({ unit: 'grapheme-ascii' }), fc.constantFrom('<<', '=', 'null', '~', 'y', '1e3', '-')),
          fc.oneof(fc.string({ unit: 'grapheme-ascii' }), fc.constant('<<'), fc.integer()),
        ),
      )
      .map((entries) => RegoObject.from(entries))
    fc.assert(fc.property(plain, (value) => same(call('yaml.unmarshal', call('yaml.marshal', value) as Value), value)))
  })

  it('times in RFC 3339, at any nanosecond and in any zone', () => {
    const zone = fc.constantFrom('UTC', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe')
    // Offsets of local mean time have seconds, which RFC 3339 cannot say.
    const modern = fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n })
    fc.assert(
      fc.property(modern, zone, (ns, name) => {
        const value = call('json.unmarshal', String(ns)) as Value
        same(call('time.parse_rfc3339_ns', call('time.format', [value, name]) as Value), value)
      }),
    )
    fc.assert(
      fc.property(nanoseconds, (ns) => {
        const value = call('json.unmarshal', String(ns)) as Value
        same(call('time.parse_rfc3339_ns', call('time.format', value) as Value), value)
      }),
    )
  })
})

describe('numbers', () => {
  it('keep the laws of bits at any size', () => {
    fc.assert(
      fc.property(number, number, (a, b) => {
        same(call('bits.xor', call('bits.xor', a, b) as Value, b), a)
        same(call('bits.negate', call('bits.negate', a) as Value), a)
        same(call('bits.or', call('bits.and', a, b) as Value, a), a)
      }),
    )
    fc.assert(
      fc.property(number, fc.nat({ max: 100 }), (a, by) =>
        same(call('bits.rsh', call('bits.lsh', a, by) as Value, by), a),
      ),
    )
  })

  it('print the same by sprintf, format_int and JSON', () => {
    fc.assert(
      fc.property(number, (n) => {
        const printed = call('sprintf', '%d', [n])
        expect(printed).toBe(call('format_int', n, 10))
        expect(printed).toBe(call('json.marshal', n))
        same(call('to_number', printed as Value), n)
      }),
    )
  })
})

describe('collections', () => {
  it('sort into the order of values, whatever they were in', () => {
    fc.assert(
      fc.property(fc.array(json), (values) => {
        const sorted = call('sort', values) as readonly Value[]
        expect(sorted.length).toBe(values.length)
        for (let i = 1; i < sorted.length; i++) {
          expect(compare(sorted[i - 1] as Value, sorted[i] as Value)).toBeLessThanOrEqual(0)
        }
        same(call('max', values.length > 0 ? values : [null]), sorted.at(-1) ?? null)
      }),
    )
  })

  it('unite and intersect as sets do', () => {
    fc.assert(
      fc.property(set, set, (a, b) => {
        const both = RegoSet.from([a, b])
        const union = call('union', both) as RegoSet
        const common = call('intersection', both) as RegoSet
        expect(union.size + common.size).toBe(
          a.size + b.size - (equal(a, b) ? a.size + b.size - union.size - common.size : 0),
        )
        for (const element of common) expect(a.has(element) && b.has(element)).toBe(true)
        expect(isSet(union) && call('object.subset', union, a)).toBe(true)
      }),
    )
  })

  it('merge objects so that each is found in what wins', () => {
    fc.assert(
      fc.property(object, object, (a, b) => {
        const merged = call('object.union', a, b) as Value
        same(call('object.union_n', [a, b]), merged)
        same(call('object.filter', merged, b), call('object.filter', call('object.union', a, b) as Value, b))
        for (const name of b.sortedKeys()) expect(call('object.get', merged, name, 'absent')).not.toBe('absent')
        same(call('object.remove', merged, merged), new RegoObject())
      }),
    )
  })

  it('never reach a prototype by any path', () => {
    const path = fc.array(key, { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(path, (segments) => {
        expect(call('object.get', new RegoObject(), segments, 'none')).toBe('none')
        let document: Value = new RegoObject()
        for (let i = 1; i <= segments.length; i++) {
          const operation = RegoObject.from([
            ['op', 'add'],
            ['path', segments.slice(0, i)],
            ['value', i === segments.length ? 1 : new RegoObject()],
          ])
          document = call('json.patch', document, [operation]) as Value
        }
        expect(call('object.get', document, segments, 'none')).toBe(1)
        expect(Object.prototype).not.toHaveProperty('1')
      }),
    )
  })
})

describe('patterns', () => {
  it('match any text that is quoted, and nothing else', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        const quoted = call('glob.quote_meta', one) as Value
        expect(call('glob.match', quoted, null, one)).toBe(true)
        expect(call('glob.match', quoted, null, other)).toBe(one === other)
      }),
    )
  })

  it('split text into what joins to it again', () => {
    fc.assert(
      fc.property(text, fc.string({ minLength: 1, maxLength: 2 }), (all, between) => {
        expect(call('concat', between, call('split', all, between) as Value)).toBe(all)
      }),
    )
  })

  it('never fail but in the words of a built-in, whatever the pattern', () => {
    const names = ['regex.match', 'regex.split', 'regex.globs_match', 'regex.is_valid']
    fc.assert(
      fc.property(fc.constantFrom(...names), text, text, (name, pattern, searched) => {
        try {
          call(name, pattern, searched)
        } catch (error) {
          expect((error as Error).name).toBe('BuiltinError')
        }
      }),
    )
  })
})

it('networks merged are the same addresses as before', () => {
  const cidr = fc
    .tuple(fc.nat({ max: 255 }), fc.integer({ min: 24, max: 32 }))
    .map(([host, prefix]) => `10.0.0.${host}/${prefix}`)
  const expand = (networks: readonly Value[]): RegoSet =>
    RegoSet.from(networks.flatMap((one) => [...(call('net.cidr_expand', one) as RegoSet)]))
  fc.assert(
    fc.property(fc.array(cidr, { maxLength: 6 }), (networks) => {
      const merged = [...(call('net.cidr_merge', networks) as RegoSet)]
      same(expand(merged), expand(networks))
      expect(merged.length).toBeLessThanOrEqual(networks.length * 8)
    }),
  )
})

it('every built-in answers operands of any type with a value, nothing, or an error of its own', () => {
  const operand = fc.oneof(json, object, set, text, number, fc.constantFrom<Value>(null, true, -1, 1.5, 2n ** 70n))
  const bounded = { ...context, charge: budget() }
  fc.assert(
    fc.property(
      fc.constantFrom(...builtins.values()),
      fc.array(operand, { minLength: 6, maxLength: 6 }),
      (one, operands) => {
        try {
          const result = one.run(bounded, ...operands.slice(0, one.args.length))
          expect(result === undefined || isArray(result) || typeof result !== 'function').toBe(true)
        } catch (error) {
          expect(['BuiltinError', 'OperandError', 'Spent'], `${one.name}: ${(error as Error).stack}`).toContain(
            (error as Error).name,
          )
        }
      },
    ),
    { numRuns: 5_000 },
  )
})

/** A charge that refuses what is far too much at once. */
function budget(): (steps: number) => void {
  return (steps) => {
    if (steps <= 1_000_000) return
    const spent = new Error('too much')
    spent.name = 'Spent'
    throw spent
  }
}
