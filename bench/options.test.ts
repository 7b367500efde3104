import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { readOptions } from './options.js'

describe('the arguments', () => {
  it('mean everything but what is opt-in when there are none', () => {
    const parts = [...readOptions([]).parts]
    expect(parts).toEqual(['exchange', 'decision', 'waiting', 'start', 'load', 'memory', 'rego'])
  })

  it('name parts', () => {
    expect([...readOptions(['exchange', '--json']).parts]).toEqual(['exchange'])
  })

  it('measure seven pairs, three when in a hurry', () => {
    expect(readOptions([]).plan.pairs).toBe(7)
    expect(readOptions(['--quick']).plan.pairs).toBe(3)
  })

  it('look at memory for ten minutes only when asked to', () => {
    expect(readOptions([]).plan.memorySeconds).toBe(60)
    expect(readOptions(['--quick', '--soak']).plan.memorySeconds).toBe(600)
    expect(() => readOptions(['exchange', '--soak'])).toThrow('--soak is for the part memory')
  })

  it('ask for the grown store beside what else is asked for', () => {
    expect([...readOptions(['exchange', '--growth']).parts]).toEqual(['exchange', 'growth'])
  })

  it.each([[['nonsense']], [['--nonsense']], [['--plot']]])('are refused when they are none: %j', (args) => {
    expect(() => readOptions(args)).toThrow(TypeError)
  })
})

describe('the guide', () => {
  it('shows only commands that this takes', async () => {
    const guide = await readFile(new URL('../docs/performance.md', import.meta.url), 'utf8')
    const commands = [...guide.matchAll(/^npm run (?:--silent )?bench(?: -- ([^#\n]*))?/gm)]
    expect(commands.length).toBeGreaterThan(4)
    for (const [, args = ''] of commands) expect(() => readOptions(args.split(' ').filter(Boolean))).not.toThrow()
  })
})
