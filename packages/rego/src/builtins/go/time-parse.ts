/**
 * Text as times.
 *
 * @see https://pkg.go.dev/time#Parse
 */
import { BuiltinError } from '../../builtins-api.js'
import { daysInMonth, daysOf, secondsOf } from './calendar.js'
import { quoteBytes as quote } from './quote.js'
import { type Chunk, LONG_DAYS, LONG_MONTHS, parseLayout, SHORT_DAYS, SHORT_MONTHS } from './time-layout.js'

export interface Instant {
  readonly seconds: number
  readonly nanoseconds: number
}

/** @throws BuiltinError `parsing time "x" as "2006": cannot parse "x" as "2006"` */
export function parseTime(layout: string, text: string): Instant {
  return new Parser(layout, text).run()
}

class Mismatch extends Error {}

class OutOfRange extends Error {}

class Parser {
  #rest: string
  #year = 0
  #month = -1
  #day = -1
  #yearDay = -1
  #hour = 0
  #minute = 0
  #second = 0
  #nanoseconds = 0
  #half: 'am' | 'pm' | undefined
  #offset: number | undefined

  constructor(
    readonly layout: string,
    readonly text: string,
  ) {
    this.#rest = text
  }

  run(): Instant {
    const chunks = parseLayout(this.layout)
    for (const [i, chunk] of chunks.entries()) this.#chunk(chunk, chunks[i + 1])
    if (this.#rest !== '') this.#fail(`: extra text: ${quote(this.#rest)}`)
    return this.#instant()
  }

  #fail(message: string): never {
    throw new BuiltinError(`parsing time ${quote(this.text)}${message}`)
  }

  #chunk(chunk: Chunk, next: Chunk | undefined): void {
    const before = this.#rest
    try {
      this.#element(chunk, next)
    } catch (error) {
      if (error instanceof OutOfRange) this.#fail(`: ${error.message} out of range`)
      if (!(error instanceof Mismatch)) throw error
      const where = chunk.element === 'literal' ? this.#rest : before
      this.#fail(` as ${quote(this.layout)}: cannot parse ${quote(where)} as ${quote(chunk.text)}`)
    }
  }

  /** Literal text must come as it is, except that any run of spaces stands for any other. */
  #literal(prefix: string): void {
    let left = prefix
    while (left !== '') {
      if (left.startsWith(' ')) {
        if (this.#rest !== '' && !this.#rest.startsWith(' ')) throw new Mismatch()
        left = left.replace(/^ +/, '')
        this.#rest = this.#rest.replace(/^ +/, '')
        continue
      }
      if (this.#rest[0] !== left[0]) throw new Mismatch()
      left = left.slice(1)
      this.#rest = this.#rest.slice(1)
    }
  }

  #take(pattern: RegExp): string {
    const found = pattern.exec(this.#rest)?.[0]
    if (found === undefined) throw new Mismatch()
    this.#rest = this.#rest.slice(found.length)
    return found
  }

  #number(fixed: boolean): number {
    return Number(this.#take(fixed ? /^\d\d/ : /^\d\d?/))
  }

  #ranged(what: string, fixed: boolean, lowest: number, highest: number): number {
    const number = this.#number(fixed)
    if (number < lowest || number > highest) throw new OutOfRange(what)
    return number
  }

  #name(names: readonly string[]): number {
    const index = names.findIndex((name) => this.#rest.slice(0, name.length).toLowerCase() === name.toLowerCase())
    if (index < 0) throw new Mismatch()
    this.#rest = this.#rest.slice((names[index] as string).length)
    return index
  }

  #element({ element, text }: Chunk, next: Chunk | undefined): void {
    switch (element) {
      case 'literal':
        this.#literal(text)
        return
      case '06': {
        const year = Number(this.#take(/^\d\d/))
        this.#year = year + (year >= 69 ? 1900 : 2000)
        return
      }
      case '2006':
      case '_2006':
        this.#year = Number(this.#take(/^\d{4}/))
        return
      case 'Jan':
        this.#month = this.#name(SHORT_MONTHS) + 1
        return
      case 'January':
        this.#month = this.#name(LONG_MONTHS) + 1
        return
      case '1':
      case '01':
        this.#month = this.#ranged('month', element === '01', 1, 12)
        return
      case 'Mon':
        this.#name(SHORT_DAYS)
        return
      case 'Monday':
        this.#name(LONG_DAYS)
        return
      case '2':
      case '_2':
      case '02':
        if (element === '_2') this.#rest = this.#rest.replace(/^ /, '')
        this.#day = this.#number(element === '02')
        return
      case '__2':
      case '002':
        if (element === '__2') this.#rest = this.#rest.replace(/^ {1,2}/, '')
        this.#yearDay = Number(this.#take(element === '002' ? /^\d{3}/ : /^\d{1,3}/))
        return
      case '15':
        this.#hour = this.#ranged('hour', false, 0, 23)
        return
      case '3':
      case '03':
        this.#hour = this.#ranged('hour', element === '03', 0, 12)
        return
      case '4':
      case '04':
        this.#minute = this.#ranged('minute', element === '04', 0, 59)
        return
      case '5':
      case '05':
        this.#second = this.#ranged('second', element === '05', 0, 59)
        // A fraction may follow although the layout shows none.
        if (next?.element !== 'fraction0' && next?.element !== 'fraction9') this.#optionalFraction()
        return
      case 'PM':
        this.#half = this.#take(/^(?:AM|PM)/).toLowerCase() as 'am' | 'pm'
        return
      case 'pm':
        this.#half = this.#take(/^(?:am|pm)/) as 'am' | 'pm'
        return
      case 'fraction0':
        this.#setFraction(this.#take(new RegExp(`^[.,]\\d{${text.length - 1}}`)))
        return
      case 'fraction9':
        this.#optionalFraction()
        return
      case 'MST':
        this.#zone()
        return
      default:
        if (element.startsWith('Z') && this.#rest.startsWith('Z')) {
          this.#rest = this.#rest.slice(1)
          this.#offset = 0
          return
        }
        this.#numericOffset(text)
    }
  }

  #optionalFraction(): void {
    if (/^[.,]\d/.test(this.#rest)) this.#setFraction(this.#take(/^[.,]\d+/))
  }

  #setFraction(text: string): void {
    this.#nanoseconds = Number(text.slice(1, 10).padEnd(9, '0'))
  }

  #numericOffset(text: string): void {
    const found = this.#take(new RegExp(text.replace(/^[-Z]/, '^[-+]').replace(/\d/g, '\\d')))
    const [hours = 0, minutes = 0, seconds = 0] = (found.slice(1).match(/\d\d/g) ?? []).map(Number)
    if (hours > 24) throw new OutOfRange('time zone offset hour')
    if (minutes > 60) throw new OutOfRange('time zone offset minute')
    if (seconds > 60) throw new OutOfRange('time zone offset second')
    this.#offset = (hours * 3600 + minutes * 60 + seconds) * (found.startsWith('-') ? -1 : 1)
  }

  /** A zone's letters say nothing about its offset: Go takes all but UTC for a zone of its own at UTC's time. */
  #zone(): void {
    const signed = /^(?:GMT)?(?:[+-]0*(?:1?\d|2[0-3])(?!\d))?/.exec(this.#rest)?.[0] ?? ''
    if (signed !== '') {
      this.#rest = this.#rest.slice(signed.length)
      return
    }
    const letters = this.#take(/^(?:ChST|MeST|[A-Z]{3,6})/)
    if (letters === 'UTC') this.#offset = 0
    const known = letters.length === 3 || letters === 'ChST' || letters === 'MeST' || letters === 'WITA'
    if (!known && (letters.length > 5 || !letters.endsWith('T'))) throw new Mismatch()
  }

  #instant(): Instant {
    let hour = this.#hour
    if (this.#half === 'pm' && hour < 12) hour += 12
    else if (this.#half === 'am' && hour === 12) hour = 0
    const [month, day] = this.#date()
    const local = secondsOf({ year: this.#year, month, day, hour, minute: this.#minute, second: this.#second })
    return { seconds: local - (this.#offset ?? 0), nanoseconds: this.#nanoseconds }
  }

  #date(): readonly [month: number, day: number] {
    if (this.#yearDay >= 0) return this.#dateOfYearDay()
    const month = this.#month < 0 ? 1 : this.#month
    const day = this.#day < 0 ? 1 : this.#day
    if (day < 1 || day > daysInMonth(this.#year, month)) this.#fail(': day out of range')
    return [month, day]
  }

  #dateOfYearDay(): readonly [month: number, day: number] {
    const days = daysOf(this.#year + 1, 1, 1) - daysOf(this.#year, 1, 1)
    if (this.#yearDay < 1 || this.#yearDay > days) this.#fail(': day-of-year out of range')
    let month = 1
    let day = this.#yearDay
    for (; day > daysInMonth(this.#year, month); month++) day -= daysInMonth(this.#year, month)
    if (this.#month >= 0 && this.#month !== month) this.#fail(': day-of-year does not match month')
    if (this.#day >= 0 && this.#day !== day) this.#fail(': day-of-year does not match day')
    return [month, day]
  }
}
