/** The proleptic Gregorian calendar on whole seconds since 1970. */

export interface Civil {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
}

const DAY = 86_400

/** Days since 1970 of a date; month and day may lie outside their range. */
export function daysOf(year: number, month: number, day: number): number {
  const y = year + Math.floor((month - 1) / 12)
  const m = ((((month - 1) % 12) + 12) % 12) + 1
  // Years begin in March here, so that the leap day comes last.
  const shifted = m <= 2 ? y - 1 : y
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (m > 2 ? m - 3 : m + 9) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

export function secondsOf(civil: Civil): number {
  const days = daysOf(civil.year, civil.month, civil.day)
  return days * DAY + civil.hour * 3600 + civil.minute * 60 + civil.second
}

export function civilOf(seconds: number): Civil {
  const days = Math.floor(seconds / DAY)
  const rest = seconds - days * DAY
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
    hour: Math.floor(rest / 3600),
    minute: Math.floor((rest % 3600) / 60),
    second: rest % 60,
  }
}

/** 0 is Sunday. */
export function weekdayOf(seconds: number): number {
  return (((Math.floor(seconds / DAY) + 4) % 7) + 7) % 7
}

export function dayOfYear({ year, month, day }: Civil): number {
  return daysOf(year, month, day) - daysOf(year, 1, 1) + 1
}

export function daysInMonth(year: number, month: number): number {
  return daysOf(year, month + 1, 1) - daysOf(year, month, 1)
}
