/** Time zones of the IANA database, as far as the platform's `Intl` knows them. */
import { BuiltinError } from '../../builtins-api.js'
import { secondsOf } from './calendar.js'

export interface Zone {
  readonly name: string
  /** Seconds east of UTC at a moment. */
  offset(seconds: number): number
  abbreviation(seconds: number): string
}

export const UTC: Zone = { name: 'UTC', offset: () => 0, abbreviation: () => 'UTC' }

export function fixedZone(name: string, offset: number): Zone {
  return { name, offset: () => offset, abbreviation: () => name }
}

const zones = new Map<string, Zone>()

/**
 * A zone by name; the empty name and `Local` are UTC too, since a policy must not depend on where it runs.
 *
 * @throws BuiltinError `unknown time zone Mars/Olympus`
 */
export function zoneNamed(name: string): Zone {
  if (name === '' || name === 'UTC' || name === 'Local') return UTC
  const known = zones.get(name)
  if (known !== undefined) return known
  const zone = /^[A-Za-z][A-Za-z0-9_+/-]*$/.test(name) ? loadZone(name) : undefined
  if (zone === undefined) throw new BuiltinError(`unknown time zone ${name}`)
  zones.set(name, zone)
  return zone
}

function loadZone(name: string): Zone | undefined {
  let parts: Intl.DateTimeFormat
  try {
    parts = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
  const offset = (seconds: number): number => localSeconds(parts, seconds) - seconds
  const zone: Zone = { name, offset, abbreviation: (seconds) => abbreviation(zone, seconds) }
  return zone
}

function localSeconds(format: Intl.DateTimeFormat, seconds: number): number {
  const found: Record<string, string> = {}
  for (const { type, value } of format.formatToParts(seconds * 1000)) found[type] = value
  const year = Number(found.year)
  return secondsOf({
    year: found.era === 'BC' ? 1 - year : year,
    month: Number(found.month),
    day: Number(found.day),
    hour: Number(found.hour),
    minute: Number(found.minute),
    second: Number(found.second),
  })
}

/** Locales that between them know the letters of most zones; `Intl` has them only where a locale uses them. */
const LOCALES = ['en-US', 'en-GB', 'en-CA', 'en-AU', 'en-NZ', 'en-ZA']
/** Zones whose letters no locale of `Intl` has, or has otherwise than the database. */
const LETTERS: ReadonlyMap<string, string> = new Map([
  ['GMT', 'GMT'],
  ['Asia/Tokyo', 'JST'],
  ['Japan', 'JST'],
  ['Asia/Seoul', 'KST'],
  ['Asia/Pyongyang', 'KST'],
  ['Asia/Shanghai', 'CST'],
  ['PRC', 'CST'],
  ['Asia/Taipei', 'CST'],
  ['Asia/Macau', 'CST'],
  ['Asia/Hong_Kong', 'HKT'],
  ['Asia/Manila', 'PST'],
  ['Asia/Jakarta', 'WIB'],
  ['Asia/Makassar', 'WITA'],
  ['Asia/Karachi', 'PKT'],
  ['Asia/Kolkata', 'IST'],
  ['Asia/Calcutta', 'IST'],
  ['Europe/Moscow', 'MSK'],
  ['Africa/Lagos', 'WAT'],
  ['Africa/Nairobi', 'EAT'],
  ['Africa/Johannesburg', 'SAST'],
  ['Africa/Maputo', 'CAT'],
  ['Asia/Dubai', '+04'],
])
/** Zones of the same kind with summer time, by their offset in hours. */
const SUMMER_LETTERS: ReadonlyMap<string, ReadonlyMap<number, string>> = new Map([
  ['Asia/Jerusalem', letters([2, 'IST'], [3, 'IDT'])],
  ['Africa/Cairo', letters([2, 'EET'], [3, 'EEST'])],
])
/** `Intl` has letters for recent years alone; an older moment is named as one of these at the same offset. */
const RECENT = [Date.UTC(2020, 0, 1) / 1000, Date.UTC(2020, 6, 1) / 1000]

function letters(...entries: readonly (readonly [number, string])[]): ReadonlyMap<number, string> {
  return new Map(entries)
}

function abbreviation(zone: Zone, seconds: number): string {
  const offset = zone.offset(seconds)
  // Before zones there was local mean time, never a whole quarter of an hour from UTC.
  if (offset % 900 !== 0) return 'LMT'
  const known = LETTERS.get(zone.name) ?? SUMMER_LETTERS.get(zone.name)?.get(offset / 3600)
  if (known !== undefined) return known
  for (const moment of [seconds, ...RECENT]) {
    if (zone.offset(moment) !== offset) continue
    for (const locale of LOCALES) {
      const format = new Intl.DateTimeFormat(locale, { timeZone: zone.name, timeZoneName: 'short' })
      const found = format.formatToParts(moment * 1000).find(({ type }) => type === 'timeZoneName')?.value ?? ''
      if (/^[A-Z]{3,5}$/.test(found) && (found !== 'GMT' || offset === 0)) return found
    }
  }
  return numeric(offset)
}

/** The database writes zones without letters as hours, with minutes where there are some. */
function numeric(offset: number): string {
  const minutes = Math.trunc(Math.abs(offset) / 60)
  const hours = String(Math.floor(minutes / 60)).padStart(2, '0')
  return `${offset < 0 ? '-' : '+'}${hours}${minutes % 60 === 0 ? '' : String(minutes % 60).padStart(2, '0')}`
}
