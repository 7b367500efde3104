import type { Row, Target } from './row.js'

const HEAD = [
  'path',
  'requests/s',
  'p50 ms',
  'p99 ms',
  'p99.9 ms',
  'CPU µs',
  'database CPU µs',
  'memory MB',
  'floor',
  'floor/s',
  'floor p99 ms',
  'floor CPU µs',
  'ratio',
  'target',
]

/** The rows as a Markdown table, with a list of what has to be said of some of them. */
export function toMarkdown(rows: readonly Row[]): string {
  const lines = [
    line(HEAD),
    line(HEAD.map((_, n) => (n === 0 || n === 8 || n === 13 ? '---' : '--:'))),
    ...rows.map(rowLine),
  ]
  const notes = rows.flatMap(({ name, note }) => (note === null ? [] : [`- **${name}**: ${note}`]))
  return [...lines, ...(notes.length === 0 ? [] : ['', ...notes])].join('\n')
}

function rowLine(it: Row): string {
  return line([
    it.name,
    figure(it.rps, 0),
    figure(it.p50Ms, 2),
    figure(it.p99Ms, 2),
    figure(it.p999Ms, 2),
    figure(it.cpuUs, 0),
    figure(it.databaseCpuUs, 0),
    figure(it.rssMb, 0),
    it.against ?? '',
    figure(it.floorRps, 0),
    figure(it.floorP99Ms, 2),
    figure(it.floorCpuUs, 0),
    figure(it.ratio, 2),
    it.targets.map(verdict).join('; '),
  ])
}

function verdict({ wanted, kept }: Target): string {
  return `${wanted}: ${kept === null ? 'not measured' : kept ? 'kept' : '**missed**'}`
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function figure(value: number | null, digits: number): string {
  if (value === null || !Number.isFinite(value)) return ''
  return value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ',')
}
