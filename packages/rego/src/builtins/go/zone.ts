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
  return { name, offset, abbreviation: (seconds) => abbreviation(name, seconds, offset(seconds)) }
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
const LOCALES = ['en-US', 'en-GB', 'en-CA', 'en-AU', 'en-NZ', 'en-IN', 'en-ZA']
/** Zones whose letters no locale of `Intl` has, standard and summer time. */
const LETTERS: ReadonlyMap<string, string> = new Map([
  ['Asia/Tokyo', 'JST'],
  ['Asia/Seoul', 'KST'],
  ['Asia/Pyongyang', 'KST'],
  ['Asia/Shanghai', 'CST'],
  ['Asia/Taipei', 'CST'],
  ['Asia/Macau', 'CST'],
  ['Asia/Hong_Kong', 'HKT'],
  ['Asia/Manila', 'PST'],
  ['Asia/Jakarta', 'WIB'],
  ['Asia/Makassar', 'WITA'],
  ['Asia/Karachi', 'PKT'],
  ['Asia/Kolkata', 'IST'],
  ['Asia/Calcutta', 'IST'],
  ['Asia/Jerusalem', 'IST IDT'],
  ['Europe/Moscow', 'MSK'],
  ['Africa/Lagos', 'WAT'],
  ['Africa/Nairobi', 'EAT'],
  ['Africa/Johannesburg', 'SAST'],
  ['Africa/Maputo', 'CAT'],
  ['Africa/Cairo', 'EET EEST'],
  ['PRC', 'CST'],
  ['Japan', 'JST'],
])

function abbreviation(name: string, seconds: number, offset: number): string {
  for (const locale of LOCALES) {
    const format = new Intl.DateTimeFormat(locale, { timeZone: name, timeZoneName: 'short' })
    const found = format.formatToParts(seconds * 1000).find(({ type }) => type === 'timeZoneName')?.value ?? ''
    if (/^[A-Z]{3,5}$/.test(found) && (found !== 'GMT' || offset === 0)) return found
  }
  const [standard, summer] = LETTERS.get(name)?.split(' ') ?? []
  if (standard !== undefined) return summer !== undefined && offset > winterOffset(name, seconds) ? summer : standard
  return numeric(offset)
}

function winterOffset(name: string, seconds: number): number {
  const zone = zoneNamed(name)
  const halfYear = 182 * 86_400
  return Math.min(zone.offset(seconds), zone.offset(seconds + halfYear), zone.offset(seconds - halfYear))
}

/** The database writes zones without letters as hours, with minutes where there are some. */
function numeric(offset: number): string {
  const minutes = Math.trunc(Math.abs(offset) / 60)
  const hours = String(Math.floor(minutes / 60)).padStart(2, '0')
  return `${offset < 0 ? '-' : '+'}${hours}${minutes % 60 === 0 ? '' : String(minutes % 60).padStart(2, '0')}`
}
