import { expect, it } from 'vitest'
import { compile } from '../index.js'

/** The value of one expression; errors of built-ins are raised. */
function evaluate(expression: string, input: unknown = {}): unknown {
  const source = `package t\n\nresult := ${expression}`
  return compile([{ path: 't.rego', source }], { strictBuiltinErrors: true }).evaluate('data.t.result', input as never)
}

const MOMENT = 1670006453141828752n

it('formats in zones and by layouts', () => {
  const format = (zone: string, layout: string): unknown => evaluate(`time.format([${MOMENT}, "${zone}", "${layout}"])`)
  expect(format('', '')).toBe('2022-12-02T18:40:53.141828752Z')
  expect(format('Asia/Kolkata', 'RFC1123Z')).toBe('Sat, 03 Dec 2022 00:10:53 +0530')
  expect(format('America/New_York', 'UnixDate')).toBe('Fri Dec  2 13:40:53 EST 2022')
  expect(format('Europe/Berlin', 'Monday 2 January 06 3:04PM .000 MST')).toBe('Friday 2 December 22 7:40PM .141 CET')
  expect(() => format('Mars/Olympus', '')).toThrow('unknown time zone Mars/Olympus')
})

it('reads times, and says what does not fit', () => {
  expect(evaluate('time.parse_ns("2006-01-02", "2020-02-29")')).toBe(1582934400000000000n)
  expect(evaluate('time.parse_rfc3339_ns("2020-01-01T00:00:00.5+05:30")')).toBe(1577817000500000000n)
  expect(() => evaluate('time.parse_ns("2006-01-02", "2021-02-29")')).toThrow(
    'parsing time "2021-02-29": day out of range',
  )
  expect(() => evaluate('time.parse_ns("15:04", "1504")')).toThrow(
    'parsing time "1504" as "15:04": cannot parse "04" as ":"',
  )
  expect(() => evaluate('time.parse_ns("2006", "9999")')).toThrow('time outside of valid range')
})

it('moves through clock changes as Go does', () => {
  // 2018-03-11 02:00 was skipped in New York: the day after 2018-03-10 02:30.
  expect(evaluate('time.add_date(input, 0, 0, 1)', [1520667000000000000n, 'America/New_York'])).toBe(
    1520753400000000000n,
  )
  expect(evaluate('time.add_date(1580428800000000000, 0, 1, 0)')).toBe(1583107200000000000n)
  expect(evaluate('time.diff(1582934400000000000, 1614556800000000000)')).toEqual([1, 0, 1, 0, 0, 0])
})

it('reads durations with days, weeks and years', () => {
  expect(evaluate('time.parse_duration_ns("1d2h")')).toBe(93600000000000)
  expect(evaluate('time.parse_duration_ns("-1.5h")')).toBe(-5400000000000)
  expect(() => evaluate('time.parse_duration_ns("1x")')).toThrow('time: unknown unit "x" in duration "1x"')
})

it('takes only whole nanoseconds within 64 bits for a time', () => {
  expect(() => evaluate('time.weekday(1e30)')).toThrow('timestamp too big')
  expect(() => evaluate('time.weekday(1.5)')).toThrow('timestamp too big')
})
