import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

const root = new URL('../../../../', import.meta.url)

test('every test that the threat model names exists, under that name, and every threat names one', async () => {
  const text = await readFile(new URL('docs/threat-model.md', root), 'utf8')
  const [held = '', open] = text.split('## What is not held yet')
  expect(open).toBeDefined()

  const proofs = [...held.matchAll(/^- `([^`]+\.test\.tsx?)`(.*)$/gm)]
  expect(proofs.length).toBeGreaterThan(40)
  const missing: string[] = []
  for (const [, path = '', names = ''] of proofs) {
    const source = await readFile(new URL(path, root), 'utf8').catch(() => '')
    if (source === '') missing.push(path)
    const named = [...names.matchAll(/“([^”]+)”/g)]
    if (named.length === 0) missing.push(`${path}: a name`)
    for (const [, name = ''] of names.matchAll(/“([^”]+)”/g))
      if (!source.includes(name)) missing.push(`${path}: ${name}`)
  }
  expect(missing).toEqual([])

  const threats = held.split(/^(?=\*\*)/m).slice(1)
  expect(threats.length).toBeGreaterThan(25)
  expect(threats.filter((threat) => !threat.includes('.test.ts`'))).toEqual([])
})
