/**
 * The guide for policy authors and the README of the engine do what they say: each block of Rego compiles, each result is what the
 * policy before it gives, each command prints what stands below it.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile, format, type Policy, RegoError } from '@countersign/rego'
import { describe, expect, it } from 'vitest'
import { Terminal } from '../../test/support/terminal.js'

interface Block {
  readonly language: string
  readonly words: readonly string[]
  readonly text: string
  readonly line: number
}

function blocks(path: string): Block[] {
  const text = readFileSync(new URL(path, import.meta.url), 'utf8')
  return [...text.matchAll(/^```(\w+)([^\n]*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1] ?? '',
    words: (match[2] ?? '').trim().split(/\s+/).filter(Boolean),
    text: match[3] ?? '',
    line: text.slice(0, match.index).split('\n').length,
  }))
}

describe('the guide for policy authors', () => {
  let input: unknown
  let data: unknown
  let modules: { path: string; source: string }[] = []
  let printed = ''

  for (const block of blocks('../../../../docs/policy-guide.md')) {
    const [kind = '', name = ''] = block.words
    it(`holds in the ${block.language} of line ${block.line}`, async () => {
      if (block.language === 'rego') {
        const more = name === '+'
        modules = [...(more ? modules : []), { path: kind, source: block.text }]
        expect(() => policy()).not.toThrow()
        expect(format(block.text, kind)).toBe(block.text)
      } else if (kind === 'input') input = JSON.parse(block.text)
      else if (kind === 'data') data = JSON.parse(block.text)
      else if (kind === 'result') expect(policy().evaluate(name, input)).toEqual(JSON.parse(block.text))
      else if (block.language === 'sh') printed = await run(block.text.trim())
      else if (block.language === 'text') expect(words(printed)).toEqual(words(block.text))
      else throw new Error(`nothing checks the block in line ${block.line}`)
    })
  }

  function policy(): Policy {
    return compile(modules, { data: data ?? {} })
  }

  /** The command in a folder with the policies, data and input so far. */
  async function run(command: string): Promise<string> {
    const folder = mkdtempSync(join(tmpdir(), 'guide-'))
    try {
      mkdirSync(folder, { recursive: true })
      for (const { path, source } of modules) writeFileSync(join(folder, path), source)
      writeFileSync(join(folder, 'data.json'), JSON.stringify(data))
      // Beside the folder's documents, not among them.
      const inputFile = join(folder, '..', `${folder.split('/').at(-1)}-input.json`)
      writeFileSync(inputFile, JSON.stringify(input))
      const terminal = new Terminal({}, folder)
      const [npx, program, policyWord, ...args] = command.split(/\s+/)
      expect([npx, program, policyWord]).toEqual(['npx', 'countersign', 'policy'])
      await terminal.run('policy', ...args.map((arg) => (arg === 'input.json' ? inputFile : arg)))
      rmSync(inputFile)
      return [...terminal.errors, ...terminal.lines].join('\n')
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
})

/** Text without the spaces that only align it. */
function words(text: string): string[] {
  return text.trim().split(/\s+/)
}

describe('the README of the engine', () => {
  const examples = blocks('../../../rego/README.md').filter(({ language }) => language === 'js')

  it.each(examples.map((block) => [block.line, block] as const))('holds in line %i', async (_, { text }) => {
    const seen: unknown[] = []
    const wanted: unknown[] = []
    // A line that ends with an arrow is an expression, and what follows is its value.
    const code = text
      .replace(/^import .*$/gm, '')
      .split('\n')
      .map((line) => {
        const match = /^(\s*)(.+?) \/\/ → (.+)$/.exec(line)
        if (!match) return line
        wanted.push(JSON.parse(match[3] ?? ''))
        return `${match[1]}seen.push(${match[2]})`
      })
      .join('\n')
    const body = new Function('compile', 'RegoError', 'seen', code) as (...args: unknown[]) => void
    body(compile, RegoError, seen)
    expect(seen).toEqual(wanted)
    expect(wanted.length).toBeGreaterThan(0)
  })
})
