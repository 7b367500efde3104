/**
 * Times as text.
 *
 * @see https://pkg.go.dev/time#Time.Format
 */
import { civilOf, dayOfYear, weekdayOf } from './calendar.js'
import { type Chunk, LONG_DAYS, LONG_MONTHS, parseLayout, SHORT_DAYS, SHORT_MONTHS } from './time-layout.js'
import type { Zone } from './zone.js'

/** @param seconds since 1970, @param nanoseconds 0 to 999,999,999 */
export function formatTime(seconds: number, nanoseconds: number, zone: Zone, layout: string): string {
  const offset = zone.offset(seconds)
  const local = seconds + offset
  const civil = civilOf(local)
  const month = civil.month - 1
  const hour12 = civil.hour % 12 === 0 ? 12 : civil.hour % 12

  function write({ element, text }: Chunk): string {
    switch (element) {
      case 'literal':
        return text
      case '2006':
      case '_2006':
        return civil.year < 0 ? `-${zeros(-civil.year, 4)}` : zeros(civil.year, 4)
      case '06':
        return zeros(((civil.year % 100) + 100) % 100, 2)
      case 'January':
        return LONG_MONTHS[month] as string
      case 'Jan':
        return SHORT_MONTHS[month] as string
      case '1':
        return String(civil.month)
      case '01':
        return zeros(civil.month, 2)
      case 'Monday':
        return LONG_DAYS[weekdayOf(local)] as string
      case 'Mon':
        return SHORT_DAYS[weekdayOf(local)] as string
      case '2':
        return String(civil.day)
      case '_2':
        return String(civil.day).padStart(2, ' ')
      case '02':
        return zeros(civil.day, 2)
      case '__2':
        return String(dayOfYear(civil)).padStart(3, ' ')
      case '002':
        return zeros(dayOfYear(civil), 3)
      case '15':
        return zeros(civil.hour, 2)
      case '3':
        return String(hour12)
      case '03':
        return zeros(hour12, 2)
      case '4':
        return String(civil.minute)
      case '04':
        return zeros(civil.minute, 2)
      case '5':
        return String(civil.second)
      case '05':
        return zeros(civil.second, 2)
      case 'PM':
        return civil.hour >= 12 ? 'PM' : 'AM'
      case 'pm':
        return civil.hour >= 12 ? 'pm' : 'am'
      case 'MST':
        return zone.abbreviation(seconds)
      case 'fraction0':
      case 'fraction9':
        return fraction(nanoseconds, text)
      default:
        return element.startsWith('Z') && offset === 0 ? 'Z' : offsetText(offset, text)
    }
  }

  return parseLayout(layout).map(write).join('')
}

function zeros(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

function fraction(nanoseconds: number, text: string): string {
  const digits = zeros(nanoseconds, 9)
    .padEnd(text.length - 1, '0')
    .slice(0, text.length - 1)
  const kept = text[1] === '9' ? digits.replace(/0+$/, '') : digits
  return kept === '' ? '' : `${text[0]}${kept}`
}

/** The offset in the form of `-07:00`, `-0700`, `-07`, `-07:00:00` or `-070000`. */
function offsetText(offset: number, text: string): string {
  const total = Math.abs(offset)
  const parts = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60]
  const count = text.replace(/\D/g, '').length / 2
  const sign = Math.trunc(offset / 60) < 0 ? '-' : '+'
  return (
    sign +
    parts
      .slice(0, count)
      .map((part) => zeros(part, 2))
      .join(text.includes(':') ? ':' : '')
  )
}
