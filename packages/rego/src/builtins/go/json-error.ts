/**
 * What Go's JSON decoder says about text that is no JSON.
 *
 * @see https://pkg.go.dev/encoding/json#SyntaxError
 */
import { toBytes } from './bytes.js'
import { quoteRune } from './quote.js'

const SPACE = new Set([' ', '\t', '\n', '\r'])

/** The message for text that does not parse; undefined when the text is one JSON value and nothing else. */
export function jsonErrorMessage(text: string): string | undefined {
  try {
    new Scanner(text).document()
    return undefined
  } catch (error) {
    if (error instanceof ScanError) return error.message
    if (error instanceof RangeError) return 'exceeded max depth'
    throw error
  }
}

class ScanError extends Error {}

class Scanner {
  #at = 0

  constructor(readonly text: string) {}

  document(): void {
    this.#space()
    if (this.#at === this.text.length) throw new ScanError('EOF')
    this.#value()
    this.#space()
    if (this.#at < this.text.length) this.#trailing()
  }

  /** OPA reads one more token and names it. */
  #trailing(): never {
    const start = this.#at
    const opening = this.text[start] as string
    if (opening === '{' || opening === '[') this.#at += 1
    else this.#value()
    const token = this.text.slice(start, this.#at).replace(/^"|"$/g, '')
    throw new ScanError(`error: invalid character '${token}' after top-level value`)
  }

  #space(): void {
    while (SPACE.has(this.text[this.#at] ?? '')) this.#at += 1
  }

  #fail(where: string): never {
    const code = this.text.codePointAt(this.#at)
    if (code === undefined) throw new ScanError('unexpected EOF')
    // Go looks at bytes: of a character beyond ASCII it names the first.
    const byte = toBytes(String.fromCodePoint(code))[0] as number
    throw new ScanError(`invalid character ${quoteRune(byte)} ${where}`)
  }

  #value(): void {
    const character = this.text[this.#at]
    if (character === '{') this.#object()
    else if (character === '[') this.#array()
    else if (character === '"') this.#string()
    else if (character === 't') this.#literal('true')
    else if (character === 'f') this.#literal('false')
    else if (character === 'n') this.#literal('null')
    else if (character === '-' || isDigit(character)) this.#number()
    else this.#fail('looking for beginning of value')
  }

  #object(): void {
    this.#at += 1
    this.#space()
    if (this.text[this.#at] === '}') {
      this.#at += 1
      return
    }
    for (;;) {
      this.#space()
      if (this.text[this.#at] !== '"') this.#fail('looking for beginning of object key string')
      this.#string()
      this.#space()
      if (this.text[this.#at] !== ':') this.#fail('after object key')
      this.#at += 1
      this.#space()
      this.#value()
      this.#space()
      const next = this.text[this.#at]
      if (next !== ',' && next !== '}') this.#fail('after object key:value pair')
      this.#at += 1
      if (next === '}') return
    }
  }

  #array(): void {
    this.#at += 1
    this.#space()
    if (this.text[this.#at] === ']') {
      this.#at += 1
      return
    }
    for (;;) {
      this.#space()
      this.#value()
      this.#space()
      const next = this.text[this.#at]
      if (next !== ',' && next !== ']') this.#fail('after array element')
      this.#at += 1
      if (next === ']') return
    }
  }

  #string(): void {
    this.#at += 1
    for (;;) {
      const character = this.text[this.#at]
      if (character === undefined || character < ' ') this.#fail('in string literal')
      this.#at += 1
      if (character === '"') return
      if (character === '\\') this.#escape()
    }
  }

  #escape(): void {
    const character = this.text[this.#at] ?? ''
    if (!'"\\/bfnrtu'.includes(character) || character === '') this.#fail('in string escape code')
    this.#at += 1
    if (character !== 'u') return
    for (let i = 0; i < 4; i++) {
      if (!/^[0-9a-fA-F]$/.test(this.text[this.#at] ?? '')) this.#fail('in \\u hexadecimal character escape')
      this.#at += 1
    }
  }

  #literal(word: string): void {
    for (const expected of word) {
      if (this.text[this.#at] !== expected) this.#fail(`in literal ${word} (expecting '${expected}')`)
      this.#at += 1
    }
  }

  #number(): void {
    if (this.text[this.#at] === '-') {
      this.#at += 1
      if (!isDigit(this.text[this.#at])) this.#fail('in numeric literal')
    }
    if (this.text[this.#at] === '0') this.#at += 1
    else this.#digits()
    if (this.text[this.#at] === '.') {
      this.#at += 1
      if (!isDigit(this.text[this.#at])) this.#fail('after decimal point in numeric literal')
      this.#digits()
    }
    if (this.text[this.#at] === 'e' || this.text[this.#at] === 'E') {
      this.#at += 1
      if (this.text[this.#at] === '+' || this.text[this.#at] === '-') this.#at += 1
      if (!isDigit(this.text[this.#at])) this.#fail('in exponent of numeric literal')
      this.#digits()
    }
  }

  #digits(): void {
    while (isDigit(this.text[this.#at])) this.#at += 1
  }
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9'
}
