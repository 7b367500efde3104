/** One line of a plot: `x` requests a second, `y` milliseconds. */
export interface Series {
  readonly label: string
  readonly color: string
  readonly dashed?: boolean
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

const WIDTH = 760
const HEIGHT = 420
const LEFT = 64
const RIGHT = 24
const TOP = 44
const BOTTOM = 56

/** Latency against load as an SVG: load from zero on a linear axis, latency on a logarithmic one. */
export function plotLatency(title: string, series: readonly Series[]): string {
  const points = series.flatMap((it) => it.points.filter(isFinitePoint))
  const mostX = niceAbove(Math.max(1, ...points.map(({ x }) => x)))
  const powers = powersAround(points.map(({ y }) => y))
  const [low = 1, high = 10] = [powers[0], powers.at(-1)]
  const x = (value: number): number => LEFT + (value / mostX) * (WIDTH - LEFT - RIGHT)
  const y = (value: number): number =>
    HEIGHT - BOTTOM - (Math.log(Math.max(value, low) / low) / Math.log(high / low)) * (HEIGHT - TOP - BOTTOM)
  const steps = Array.from({ length: 6 }, (_, n) => (mostX / 5) * n)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(LEFT, 20, title, 'start', 'font-weight="600"'),
    ...powers.flatMap((value) => [
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at(y(value))}" y2="${at(y(value))}" stroke="#ddd"/>`,
      text(LEFT - 8, y(value) + 4, `${value} ms`, 'end'),
    ]),
    ...steps.map((value) => text(x(value), HEIGHT - BOTTOM + 18, value.toLocaleString('en'), 'middle')),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, 'requests a second that arrive', 'middle'),
    ...series.flatMap((it, n) => [...drawn(it, x, y), ...legend(it, n)]),
    '</svg>',
    '',
  ].join('\n')
}

function drawn(
  { color, dashed, points }: Series,
  x: (value: number) => number,
  y: (value: number) => number,
): string[] {
  const shown = points.filter(isFinitePoint)
  if (shown.length === 0) return []
  const path = shown.map((point) => `${at(x(point.x))},${at(y(point.y))}`).join(' ')
  const dots = shown.map((point) => `<circle cx="${at(x(point.x))}" cy="${at(y(point.y))}" r="2.5" fill="${color}"/>`)
  const dash = dashed ? ' stroke-dasharray="5 4"' : ''
  return [`<polyline points="${path}" fill="none" stroke="${color}" stroke-width="1.75"${dash}/>`, ...dots]
}

function legend({ label, color, dashed }: Series, n: number): string[] {
  const left = LEFT + n * 165
  const dash = dashed ? ' stroke-dasharray="5 4"' : ''
  return [
    `<line x1="${left}" x2="${left + 22}" y1="34" y2="34" stroke="${color}" stroke-width="1.75"${dash}/>`,
    text(left + 28, 38, label, 'start'),
  ]
}

function text(x: number, y: number, words: string, anchor: string, more = ''): string {
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" fill="#333" ${more}>${escaped(words)}</text>`
}

function isFinitePoint({ x, y }: { readonly x: number; readonly y: number }): boolean {
  return Number.isFinite(x) && Number.isFinite(y) && y > 0
}

function powersAround(values: readonly number[]): number[] {
  const least = Math.floor(Math.log10(Math.min(1, ...values)))
  const most = Math.max(least + 1, Math.ceil(Math.log10(Math.max(1, ...values))))
  return Array.from({ length: most - least + 1 }, (_, n) => Number((10 ** (least + n)).toPrecision(1)))
}

function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 2.5, 5].find((step) => step * power >= value) ?? 10) * power
}

function at(value: number): string {
  return value.toFixed(1)
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
