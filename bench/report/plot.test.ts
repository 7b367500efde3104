import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plotLatency } from './plot.js'

const circles = (svg: string): { x: number; y: number }[] =>
  [...svg.matchAll(/<circle cx="([^"]+)" cy="([^"]+)"/g)].map(([, x, y]) => ({ x: Number(x), y: Number(y) }))

describe('the plot', () => {
  it('shows every point inside its frame, more load further right and more latency higher up', () => {
    const points = fc.uniqueArray(
      fc.record({ x: fc.integer({ min: 1, max: 50_000 }), y: fc.double({ min: 0.05, max: 20_000, noNaN: true }) }),
      {
        minLength: 1,
        maxLength: 12,
        selector: ({ x }) => x,
      },
    )
    fc.assert(
      fc.property(points, (given) => {
        const shown = circles(plotLatency('t', [{ label: 'l', color: '#000', points: given }]))
        expect(shown).toHaveLength(given.length)
        shown.forEach((dot, n) => {
          expect(dot.x).toBeGreaterThanOrEqual(64)
          expect(dot.x).toBeLessThanOrEqual(736)
          expect(dot.y).toBeGreaterThanOrEqual(44)
          expect(dot.y).toBeLessThanOrEqual(364)
          given.forEach((other, m) => {
            const [here, there] = [given[n], shown[m]]
            if (here === undefined || there === undefined) return
            if (other.x > here.x) expect(there.x).toBeGreaterThanOrEqual(dot.x)
            if (other.y > here.y) expect(there.y).toBeLessThanOrEqual(dot.y)
          })
        })
      }),
    )
  })

  it('leaves out what was not measured', () => {
    const svg = plotLatency('t', [
      {
        label: 'l',
        color: '#000',
        points: [
          { x: 100, y: Number.NaN },
          { x: 200, y: 3 },
        ],
      },
    ])
    expect(circles(svg)).toHaveLength(1)
    expect(svg).not.toContain('NaN')
  })

  it('names its lines, and what would be markup in a name is text', () => {
    const svg = plotLatency('a < b & c', [{ label: '<script>', color: '#000', points: [] }])
    expect(svg).toContain('<title>a &lt; b &amp; c</title>')
    expect(svg).toContain('&lt;script>')
  })
})
