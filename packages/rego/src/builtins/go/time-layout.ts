/**
 * Go's layouts, in which the time of Mon Jan 2 15:04:05 MST 2006 shows where each part goes.
 *
 * @see https://pkg.go.dev/time#pkg-constants
 */

export const SHORT_MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
export const LONG_MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
export const SHORT_DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
export const LONG_DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

/** The names of layouts that OPA takes in place of a layout. */
export const NAMED_LAYOUTS: ReadonlyMap<string, string> = new Map([
  ['ANSIC', 'Mon Jan _2 15:04:05 2006'],
  ['UnixDate', 'Mon Jan _2 15:04:05 MST 2006'],
  ['RubyDate', 'Mon Jan 02 15:04:05 -0700 2006'],
  ['RFC822', '02 Jan 06 15:04 MST'],
  ['RFC822Z', '02 Jan 06 15:04 -0700'],
  ['RFC850', 'Monday, 02-Jan-06 15:04:05 MST'],
  ['RFC1123', 'Mon, 02 Jan 2006 15:04:05 MST'],
  ['RFC1123Z', 'Mon, 02 Jan 2006 15:04:05 -0700'],
  ['RFC3339', '2006-01-02T15:04:05Z07:00'],
  ['RFC3339Nano', '2006-01-02T15:04:05.999999999Z07:00'],
])

/** Elements with a text of their own, the longest first where one begins another. */
const ELEMENTS = [
  'January',
  'Jan',
  'Monday',
  'Mon',
  'MST',
  '002',
  '01',
  '02',
  '03',
  '04',
  '05',
  '06',
  '2006',
  '__2',
  '_2006',
  '_2',
  '15',
  '1',
  '2',
  '3',
  '4',
  '5',
  'PM',
  'pm',
  '-07:00:00',
  '-070000',
  '-07:00',
  '-0700',
  '-07',
  'Z07:00:00',
  'Z070000',
  'Z07:00',
  'Z0700',
  'Z07',
] as const

export type Element = (typeof ELEMENTS)[number] | 'literal' | 'fraction0' | 'fraction9'

export interface Chunk {
  readonly element: Element
  /** The layout's own text for it. */
  readonly text: string
}

/** A layout as literal text and elements. */
export function parseLayout(layout: string): readonly Chunk[] {
  const chunks: Chunk[] = []
  let literal = ''
  for (let at = 0; at < layout.length; ) {
    const chunk = elementAt(layout, at)
    if (chunk === undefined) {
      literal += layout[at]
      at += 1
      continue
    }
    // "_2006" is an underscore before a year.
    const text = chunk.element === '_2006' ? '2006' : chunk.text
    if (chunk.element === '_2006') literal += '_'
    if (literal !== '') chunks.push({ element: 'literal', text: literal })
    literal = ''
    chunks.push({ element: chunk.element === '_2006' ? '2006' : chunk.element, text })
    at += chunk.text.length
  }
  if (literal !== '') chunks.push({ element: 'literal', text: literal })
  return chunks
}

function elementAt(layout: string, at: number): Chunk | undefined {
  const fraction = /^[.,](0+|9+)(?!\d)/.exec(layout.slice(at))
  if (fraction !== null) {
    return { element: fraction[1]?.startsWith('0') ? 'fraction0' : 'fraction9', text: fraction[0] }
  }
  for (const element of ELEMENTS) {
    if (!layout.startsWith(element, at)) continue
    // "Janet" and "Monica" are words.
    if ((element === 'Jan' || element === 'Mon') && /[a-z]/.test(layout[at + 3] ?? '')) continue
    return { element, text: element }
  }
  return undefined
}
