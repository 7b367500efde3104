/**
 * Go's `fmt.Sprintf` for the operands that Rego's `sprintf` passes: strings, 64-bit integers, big integers and doubles.
 *
 * @see https://pkg.go.dev/fmt
 */
import { toBytes } from './bytes.js'
import { type FloatFormat, formatFloat } from './float-text.js'
import { canBackquote, isPrintable, quote, quoteRune } from './quote.js'

export type Operand =
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'int64' | '*big.Int'; readonly value: bigint }
  | { readonly type: 'float64'; readonly value: number }

interface Flags {
  plus: boolean
  minus: boolean
  sharp: boolean
  space: boolean
  zero: boolean
  /** `%+v` and `%#v` mean something of their own. */
  sharpV: boolean
  width: number | undefined
  precision: number | undefined
}

/** Go takes no width or precision beyond this. */
const MAX_COUNT = 1_000_000

/** @param meter called with the length of each piece before the piece is made */
export function sprintf(format: string, operands: readonly Operand[], meter: (characters: number) => void): string {
  return new Printer(format, operands, meter).run()
}

class Printer {
  #out = ''
  #at = 0
  #next = 0
  #reordered = false
  #goodIndex = true

  constructor(
    readonly format: string,
    readonly operands: readonly Operand[],
    readonly meter: (characters: number) => void,
  ) {}

  run(): string {
    while (this.#at < this.format.length) {
      const percent = this.format.indexOf('%', this.#at)
      if (percent < 0) {
        this.#out += this.format.slice(this.#at)
        break
      }
      this.#out += this.format.slice(this.#at, percent)
      this.#at = percent + 1
      this.#directive()
    }
    this.#extra()
    return this.#out
  }

  #directive(): void {
    this.#goodIndex = true
    const flags = this.#flags()
    let indexed = this.#index()
    if (this.format[this.#at] === '*') {
      this.#at += 1
      flags.width = this.#count()
      if (flags.width === undefined) this.#out += '%!(BADWIDTH)'
      if (flags.width !== undefined && flags.width < 0) {
        flags.width = -flags.width
        flags.minus = true
        flags.zero = false
      }
      indexed = false
    } else {
      flags.width = this.#number()
      if (indexed && flags.width !== undefined) this.#goodIndex = false
    }
    if (this.format[this.#at] === '.') {
      this.#at += 1
      if (indexed) this.#goodIndex = false
      indexed = this.#index()
      if (this.format[this.#at] === '*') {
        this.#at += 1
        const precision = this.#count()
        flags.precision = precision !== undefined && precision >= 0 ? precision : undefined
        if (flags.precision === undefined) this.#out += '%!(BADPREC)'
        indexed = false
      } else {
        flags.precision = this.#number() ?? 0
      }
    }
    if (!indexed) this.#index()
    if (this.#at >= this.format.length) {
      this.#out += '%!(NOVERB)'
      return
    }
    const verb = String.fromCodePoint(this.format.codePointAt(this.#at) as number)
    this.#at += verb.length
    if (verb === '%') {
      this.#out += '%'
      return
    }
    const operand = this.operands[this.#next]
    if (!this.#goodIndex) this.#out += `%!${verb}(BADINDEX)`
    else if (operand === undefined) this.#out += `%!${verb}(MISSING)`
    else {
      this.meter((flags.width ?? 0) + (flags.precision ?? 0) + lengthOf(operand))
      // `%w` takes its flags as `%v` before it turns out to be for errors alone.
      const general = verb === 'v' || verb === 'w'
      if (general && flags.sharp) {
        flags.sharp = false
        flags.sharpV = true
      }
      if (general && operand.type !== '*big.Int') flags.plus = false
      this.#out += print(operand, verb, flags)
      this.#next += 1
    }
  }

  #flags(): Flags {
    const flags: Flags = {
      plus: false,
      minus: false,
      sharp: false,
      space: false,
      zero: false,
      sharpV: false,
      width: undefined,
      precision: undefined,
    }
    for (; ; this.#at++) {
      const character = this.format[this.#at]
      if (character === '+') flags.plus = true
      else if (character === '-') flags.minus = true
      else if (character === '#') flags.sharp = true
      else if (character === ' ') flags.space = true
      else if (character === '0') flags.zero = true
      else return flags
    }
  }

  /** An explicit index such as `[2]`; tells whether there was one. */
  #index(): boolean {
    if (this.format[this.#at] !== '[') return false
    this.#reordered = true
    const close = this.format.indexOf(']', this.#at + 1)
    if (close < 0 || this.format.length - this.#at < 3) {
      this.#goodIndex = false
      this.#at += 1
      return false
    }
    const text = this.format.slice(this.#at + 1, close)
    this.#at = close + 1
    if (!/^\d+$/.test(text)) {
      this.#goodIndex = false
      return false
    }
    const index = Number(text) - 1
    if (index >= 0 && index < this.operands.length) this.#next = index
    else this.#goodIndex = false
    return true
  }

  /** Digits at this place; a number beyond Go's limit takes the rest of the format with it, as in Go. */
  #number(): number | undefined {
    const start = this.#at
    let number = 0
    for (
      let code = this.format.charCodeAt(this.#at);
      code >= 48 && code <= 57;
      code = this.format.charCodeAt(this.#at)
    ) {
      if (number > MAX_COUNT) {
        this.#at = this.format.length
        return undefined
      }
      number = number * 10 + (code - 48)
      this.#at += 1
    }
    return this.#at > start ? number : undefined
  }

  /** The operand for `*`. */
  #count(): number | undefined {
    const operand = this.operands[this.#next]
    if (operand === undefined) return undefined
    this.#next += 1
    if (operand.type !== 'int64') return undefined
    const count = Number(operand.value)
    return Math.abs(count) > MAX_COUNT ? undefined : count
  }

  #extra(): void {
    if (this.#reordered || this.#next >= this.operands.length) return
    const flags: Flags = {
      plus: false,
      minus: false,
      sharp: false,
      space: false,
      zero: false,
      sharpV: false,
      width: undefined,
      precision: undefined,
    }
    const extra = this.operands.slice(this.#next).map((operand) => `${operand.type}=${print(operand, 'v', flags)}`)
    this.#out += `%!(EXTRA ${extra.join(', ')})`
  }
}

/** Hexadecimal of a string is the longest form: three characters a byte. */
function lengthOf(operand: Operand): number {
  return operand.type === 'string' ? operand.value.length * 3 : 400
}

function print(operand: Operand, verb: string, flags: Flags): string {
  if (verb === 'T') return printString(operand.type, 's', flags)
  switch (operand.type) {
    case 'string':
      return printString(operand.value, verb, flags)
    case 'float64':
      return printFloat(operand.value, verb, flags)
    case 'int64':
      return printInteger(operand.value, verb, flags)
    case '*big.Int':
      return printBigInteger(operand.value, verb, flags)
  }
}

function badVerb(operand: Operand, verb: string, flags: Flags): string {
  return `%!${verb}(${operand.type}=${print(operand, 'v', flags)})`
}

function pad(text: string, flags: Flags, zero = flags.zero): string {
  const missing = (flags.width ?? 0) - [...text].length
  if (missing <= 0) return text
  if (flags.minus) return text + ' '.repeat(missing)
  return (zero ? '0' : ' ').repeat(missing) + text
}

function printString(value: string, verb: string, flags: Flags): string {
  const cut = flags.precision === undefined ? value : [...value].slice(0, flags.precision).join('')
  switch (verb) {
    case 'v':
      return pad(flags.sharpV ? quote(cut) : cut, flags)
    case 's':
      return pad(cut, flags)
    case 'q':
      return pad(flags.sharp && canBackquote(cut) ? `\`${cut}\`` : quote(cut, flags.plus), flags)
    case 'x':
    case 'X':
      return printHex(value, verb, flags)
    default:
      return badVerb({ type: 'string', value }, verb, flags)
  }
}

function printHex(value: string, verb: 'x' | 'X', flags: Flags): string {
  const bytes = toBytes(value).subarray(0, flags.precision)
  const prefix = flags.sharp ? '0x' : ''
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
  const text = flags.space
    ? digits.map((two) => prefix + two).join(' ')
    : bytes.length > 0
      ? prefix + digits.join('')
      : ''
  return pad(verb === 'X' ? text.toUpperCase() : text, flags)
}

const BASES: Readonly<Record<string, number>> = { v: 10, d: 10, b: 2, o: 8, O: 8, x: 16, X: 16 }

function printInteger(value: bigint, verb: string, flags: Flags): string {
  const base = BASES[verb]
  if (base !== undefined) return printDigits(value, base, verb, flags)
  const code = value >= 0n && value <= 0x10ffffn ? Number(value) : 0xfffd
  const character = code >= 0xd800 && code <= 0xdfff ? '\ufffd' : String.fromCodePoint(code)
  switch (verb) {
    case 'c':
      return pad(character, flags)
    case 'q':
      return pad(quoteRune(code, flags.plus), flags)
    case 'U': {
      const digits = BigInt.asUintN(64, value).toString(16).toUpperCase()
      const text = `U+${digits.padStart(Math.max(flags.precision ?? 4, 4), '0')}`
      return pad(
        flags.sharp && value >= 0n && value <= 0x10ffffn && isPrintable(character) ? `${text} '${character}'` : text,
        flags,
        false,
      )
    }
    default:
      return badVerb({ type: 'int64', value }, verb, flags)
  }
}

function signOf(negative: boolean, flags: Flags): string {
  if (negative) return '-'
  return flags.plus ? '+' : flags.space ? ' ' : ''
}

function printDigits(value: bigint, base: number, verb: string, flags: Flags): string {
  if (flags.precision === 0 && value === 0n) return ' '.repeat(flags.width ?? 0)
  const sign = signOf(value < 0n, flags)
  let digits = (value < 0n ? -value : value).toString(base)
  if (verb === 'X') digits = digits.toUpperCase()
  if (flags.precision !== undefined) digits = digits.padStart(flags.precision, '0')
  else if (flags.zero && !flags.minus && flags.width !== undefined)
    digits = digits.padStart(flags.width - sign.length, '0')
  let prefix = ''
  if (flags.sharp && base === 2) prefix = '0b'
  if (flags.sharp && base === 8 && !digits.startsWith('0')) prefix = '0'
  if (flags.sharp && base === 16) prefix = `0${verb}`
  if (verb === 'O') prefix = `0o${prefix}`
  return pad(sign + prefix + digits, flags, false)
}

const BIG_BASES: Readonly<Record<string, number>> = { ...BASES, s: 10 }
const BIG_PREFIXES: Readonly<Record<string, string>> = { b: '0b', o: '0', x: '0x', X: '0X' }

function printBigInteger(value: bigint, verb: string, flags: Flags): string {
  const base = BIG_BASES[verb]
  if (base === undefined) return `%!${verb}(big.Int=${value})`
  const sign = signOf(value < 0n, flags)
  const prefix = verb === 'O' ? '0o' : flags.sharp ? (BIG_PREFIXES[verb] ?? '') : ''
  let digits = (value < 0n ? -value : value).toString(base)
  if (verb === 'X') digits = digits.toUpperCase()
  if (flags.precision !== undefined) digits = digits.padStart(flags.precision, '0')
  else if (flags.zero && !flags.minus) digits = digits.padStart((flags.width ?? 0) - sign.length - prefix.length, '0')
  return pad(sign + prefix + digits, flags, false)
}

const FLOAT_VERBS: Readonly<Record<string, readonly [format: FloatFormat, precision: number]>> = {
  v: ['g', -1],
  b: ['b', -1],
  g: ['g', -1],
  G: ['G', -1],
  x: ['x', -1],
  X: ['X', -1],
  f: ['f', 6],
  F: ['f', 6],
  e: ['e', 6],
  E: ['E', 6],
}

function printFloat(value: number, verb: string, flags: Flags): string {
  const known = FLOAT_VERBS[verb]
  if (known === undefined) return badVerb({ type: 'float64', value }, verb, flags)
  const [format, usual] = known
  const precision = flags.precision ?? usual
  let text = formatFloat(Math.abs(value), format, precision)
  if (flags.sharp && format !== 'b') text = withPoint(text, format, precision)
  const sign = signOf(value < 0 || Object.is(value, -0), flags)
  if (flags.zero && !flags.minus && flags.width !== undefined)
    return sign + text.padStart(flags.width - sign.length, '0')
  return pad(sign + text, flags)
}

/** The `#` flag: always a point, and for `%g` and `%x` the zeros kept. */
function withPoint(text: string, format: FloatFormat, precision: number): string {
  const [, body = '', tail = ''] = /^(.*?)([pPeE][+-]\d+)?$/.exec(text) ?? []
  const significant = body.replace(/^0x|\./g, '').replace(/^0+/, '').length
  const wanted = /^[gGx]$/.test(format) ? (precision === -1 ? 6 : precision) : 0
  // Go counts the x of 0x as a digit.
  const used = body === '0' ? 1 : significant + Number(format === 'x')
  return (body.includes('.') ? body : `${body}.`) + '0'.repeat(Math.max(wanted - used, 0)) + tail
}
