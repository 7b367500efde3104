import { describe, expect, it } from 'vitest'
import { median } from '../measure/median.js'
import { lastOf, shareByPlace } from './cpu-profile.js'
import { putBetweenMarkers } from './document.js'
import { toMarkdown } from './markdown.js'
import { row, toJson } from './row.js'
import { expectSane } from './sane.js'

const measured = row({
  name: 'plain exchange',
  rps: 8123.456,
  p50Ms: 7.12345,
  p99Ms: 12,
  p999Ms: 20,
  cpuUs: 120,
  rssMb: 150,
  floorRps: 10_000,
  floorP99Ms: 9,
  ratio: 0.8123,
  against: 'the floor',
  targets: [
    { wanted: 'ratio ≥ 0.75', kept: true },
    { wanted: 'p99 ≤ 10 ms', kept: false },
    { wanted: 'flat', kept: null },
  ],
})

describe('the rows as JSON', () => {
  it('are these members and no others, null where nothing was measured', () => {
    const nothing = {
      rps: null,
      p50_ms: null,
      p99_ms: null,
      p999_ms: null,
      cpu_us: null,
      rss_mb: null,
      floor_rps: null,
      ratio: null,
    }
    expect(JSON.parse(toJson([measured, row({ name: 'start', p50Ms: Number.NaN })]))).toEqual({
      rows: [
        {
          name: 'plain exchange',
          rps: 8123.5,
          p50_ms: 7.123,
          p99_ms: 12,
          p999_ms: 20,
          cpu_us: 120,
          rss_mb: 150,
          floor_rps: 10_000,
          ratio: 0.812,
        },
        { name: 'start', ...nothing },
      ],
    })
  })

  it('are one line', () => {
    expect(toJson([measured, measured])).not.toContain('\n')
  })
})

describe('the rows as Markdown', () => {
  it('say of each target whether it was kept, missed or not measured', () => {
    expect(toMarkdown([measured])).toContain('ratio ≥ 0.75: kept; p99 ≤ 10 ms: **missed**; flat: not measured')
  })

  it('have as many cells in every line', () => {
    const lines = toMarkdown([measured, row({ name: 'start' })]).split('\n')
    expect(new Set(lines.map((line) => line.split('|').length)).size).toBe(1)
  })

  it('group thousands and keep fractions', () => {
    expect(toMarkdown([row({ name: 'start', p50Ms: 1234.5678 })])).toContain('| 1,234.57 |')
  })
})

describe('a document', () => {
  it('gets its figures between its markers, again and again', () => {
    const document = 'before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter'
    const once = putBetweenMarkers(document, 'new')
    expect(once).toBe('before\n<!-- bench: begin -->\n\nnew\n\n<!-- bench: end -->\nafter')
    expect(putBetweenMarkers(once, 'new')).toBe(once)
  })

  it('without markers is not touched', () => {
    expect(() => putBetweenMarkers('nothing', 'new')).toThrow('has no')
  })
})

describe('a run that only shows that it works', () => {
  it('is believed when its figures can be', () => {
    expect(() => expectSane([measured, row({ name: 'start', p50Ms: 4 })])).not.toThrow()
  })

  it.each([
    ['without rows', []],
    ['without requests', [row({ name: 'a', rps: 0 })]],
    ['with p99 below p50', [row({ name: 'a', p50Ms: 2, p99Ms: 1 })]],
    ['with a ratio that cannot be', [row({ name: 'a', ratio: 0.001 })]],
  ])('is not believed %s', (_, rows) => {
    expect(() => expectSane(rows)).toThrow()
  })
})

describe('a CPU profile', () => {
  const node = (id: number, functionName: string, url: string) => ({ id, callFrame: { functionName, url } })
  const profile = {
    nodes: [
      node(1, '(idle)', ''),
      node(2, 'run', 'file:///x/packages/server/dist/exchange/exchange.js'),
      node(3, 'send', 'file:///x/node_modules/fastify/lib/reply.js'),
      node(4, 'writev', ''),
    ],
    samples: [2, 1, 2, 3, 4],
    timeDeltas: [500, 100, 30, 10, 60],
  }

  it('says where the busy time went', () => {
    expect(shareByPlace(lastOf(profile, 200))).toEqual([
      { place: 'V8 and native code', share: 0.6 },
      { place: 'server/exchange', share: 0.3 },
      { place: 'package fastify', share: 0.1 },
    ])
  })
})

describe('the median', () => {
  it.each([
    [[3, 1, 2], 2],
    [[4, 1, 2, 3], 2.5],
    [[7], 7],
  ])('of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected)
  })

  it('of nothing is no number', () => {
    expect(median([])).toBeNaN()
  })
})
