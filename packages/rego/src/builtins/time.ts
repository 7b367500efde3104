/** `time.*`, on nanoseconds since 1970 within 64 bits; `time.now_ns` is the evaluator's. */
import { type Builtin, BuiltinError, builtin, numberOperand, stringOperand, T } from '../builtins-api.js'
import type { RegoNumber } from '../number.js'
import { isArray, isNumber, type Value } from '../value.js'
import { type Civil, civilOf, daysOf, secondsOf, weekdayOf } from './go/calendar.js'
import { parseDuration } from './go/duration.js'
import { formatTime } from './go/time-format.js'
import { LONG_DAYS, NAMED_LAYOUTS } from './go/time-layout.js'
import { type Instant, parseTime } from './go/time-parse.js'
import { UTC, type Zone, zoneNamed } from './go/zone.js'
import { given, integer, integerOf, intOperand, typeError } from './operands.js'

interface Moment extends Instant {
  readonly zone: Zone
  readonly layout: string
}

const BILLION = 1_000_000_000n

/** A time alone, or in an array with its zone and a layout. OPA calls it operand 1 wherever it stands. */
function momentOperand(operand: Value | undefined): Moment {
  const value = given(operand)
  const parts = isArray(value) ? value : [value]
  if (parts.length === 0 || (!isArray(value) && !isNumber(value))) {
    throw typeError(1, operand, 'either number (ns) or [number (ns), string (tz)]')
  }
  const [time, zone, layout] = parts
  const number = numberOperand(time, 1)
  const named = zone === undefined ? UTC : zoneNamed(stringOperand(zone, 1))
  const shown = layout === undefined ? '' : stringOperand(layout, 1)
  return { ...instantOf(number), zone: named, layout: shown }
}

function instantOf(number: RegoNumber): Instant {
  const nanoseconds = integerOf(number)
  if (nanoseconds === undefined || BigInt.asIntN(64, nanoseconds) !== nanoseconds)
    throw new BuiltinError('timestamp too big')
  const rest = ((nanoseconds % BILLION) + BILLION) % BILLION
  return { seconds: Number((nanoseconds - rest) / BILLION), nanoseconds: Number(rest) }
}

function nanosecondsOf({ seconds, nanoseconds }: Instant): RegoNumber {
  if (!Number.isSafeInteger(seconds)) throw new BuiltinError('time outside of valid range')
  const all = BigInt(seconds) * BILLION + BigInt(nanoseconds)
  if (BigInt.asIntN(64, all) !== all) throw new BuiltinError('time outside of valid range')
  return integer(all)
}

function localOf({ seconds, zone }: Moment): Civil {
  return civilOf(seconds + zone.offset(seconds))
}

/** The moment at which clocks in a zone show this time; of two the first, and in a gap as Go has it. */
function momentAt(local: number, zone: Zone): number {
  const guess = local - zone.offset(local)
  const before = zone.offset(local - 86_400)
  const after = zone.offset(local + 86_400)
  for (const offset of [before, after]) if (zone.offset(local - offset) === offset) return local - offset
  return local - Math.min(before, after, local - guess)
}

function addDate(moment: Moment, years: number, months: number, days: number): Instant {
  const civil = localOf(moment)
  if (Math.abs(years) + Math.abs(months) + Math.abs(days) > 1e9) throw new BuiltinError('time outside of valid range')
  const date = daysOf(civil.year + years, civil.month + months, civil.day + days)
  const local = date * 86_400 + civil.hour * 3600 + civil.minute * 60 + civil.second
  const outside = Math.abs(local) > 8e12
  return { seconds: outside ? local : momentAt(local, moment.zone), nanoseconds: moment.nanoseconds }
}

/** Years, months, days, hours, minutes and seconds between two times, on the first one's calendar. */
function difference(one: Moment, other: Moment): readonly number[] {
  const { zone } = one
  const ordered = isAfter(one, other) ? [other, one] : [one, other]
  const [a, b] = ordered.map((moment) => localOf({ ...moment, zone })) as [Civil, Civil]
  let { year, month, day, hour, minute, second } = subtract(b, a)
  if (second < 0) {
    second += 60
    minute -= 1
  }
  if (minute < 0) {
    minute += 60
    hour -= 1
  }
  if (hour < 0) {
    hour += 24
    day -= 1
  }
  if (day < 0) {
    day += daysOf(a.year, a.month + 1, 1) - daysOf(a.year, a.month, 1)
    month -= 1
  }
  if (month < 0) {
    month += 12
    year -= 1
  }
  return [year, month, day, hour, minute, second]
}

function isAfter(one: Instant, other: Instant): boolean {
  return one.seconds === other.seconds ? one.nanoseconds > other.nanoseconds : one.seconds > other.seconds
}

function subtract(b: Civil, a: Civil): Civil {
  return {
    year: b.year - a.year,
    month: b.month - a.month,
    day: b.day - a.day,
    hour: b.hour - a.hour,
    minute: b.minute - a.minute,
    second: b.second - a.second,
  }
}

const when = T.union(T.number, T.tuple(T.number, T.string))

export const time: readonly Builtin[] = [
  builtin('time.parse_ns', [T.string, T.string], T.number, (_, layout, text) => {
    const name = stringOperand(layout, 1)
    return nanosecondsOf(parseTime(NAMED_LAYOUTS.get(name) ?? name, stringOperand(text, 2)))
  }),
  builtin('time.parse_rfc3339_ns', [T.string], T.number, (_, text) =>
    nanosecondsOf(parseTime(NAMED_LAYOUTS.get('RFC3339') as string, stringOperand(text, 1))),
  ),
  builtin('time.parse_duration_ns', [T.string], T.number, (_, text) => integer(parseDuration(stringOperand(text, 1)))),
  builtin(
    'time.format',
    [T.union(T.number, T.tuple(T.number, T.string), T.tuple(T.number, T.string, T.string))],
    T.string,
    (_, operand) => {
      const { seconds, nanoseconds, zone, layout } = momentOperand(operand)
      const shown = layout === '' ? 'RFC3339Nano' : layout
      return formatTime(seconds, nanoseconds, zone, NAMED_LAYOUTS.get(shown) ?? shown)
    },
  ),
  builtin('time.date', [when], T.tuple(T.number, T.number, T.number), (_, operand) => {
    const { year, month, day } = localOf(momentOperand(operand))
    return [year, month, day]
  }),
  builtin('time.clock', [when], T.tuple(T.number, T.number, T.number), (_, operand) => {
    const { hour, minute, second } = localOf(momentOperand(operand))
    return [hour, minute, second]
  }),
  builtin('time.weekday', [when], T.string, (_, operand) => {
    const moment = momentOperand(operand)
    return LONG_DAYS[weekdayOf(secondsOf(localOf(moment)))]
  }),
  builtin('time.add_date', [T.number, T.number, T.number, T.number], T.number, (_, operand, years, months, days) => {
    const moment = momentOperand(operand)
    return nanosecondsOf(addDate(moment, intOperand(years, 2), intOperand(months, 3), intOperand(days, 4)))
  }),
  builtin(
    'time.diff',
    [when, when],
    T.tuple(T.number, T.number, T.number, T.number, T.number, T.number),
    (_, one, other) => difference(momentOperand(one), momentOperand(other)),
  ),
]
