/**
 * OPA's own conformance suite, all cases of the folder beside the repository. What must not pass is named below, case by case;
 * a case that passes although it is named fails the test too, so that the list is never longer than needed.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type ConformanceCase, runCase } from './conformance.js'
import { exceptions } from './conformance-exceptions.js'

const folder = new URL('../../../../shared/rego-conformance/cases/', import.meta.url)
const isThere = existsSync(folder)
if (!isThere) console.warn('Conformance suite left out: ../shared/rego-conformance is not beside this repository.')

describe.runIf(isThere)('the conformance suite of OPA', () => {
  const topics = isThere ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []
  const table: { topic: string; cases: number; passed: number; excepted: number }[] = []
  const unused = new Set(Object.keys(exceptions))

  for (const file of topics) {
    const topic = file.slice(0, -'.json'.length)
    it(`passes in ${topic}`, () => {
      const cases = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as ConformanceCase[]
      const failures: string[] = []
      let passed = 0
      let excepted = 0
      for (const one of cases) {
        const problem = runCase(one)
        const reason = exceptions[one.note]
        if (problem === undefined) passed++
        else if (reason === undefined) failures.push(`${one.note}: ${problem}`)
        if (reason !== undefined && problem !== undefined) {
          excepted++
          unused.delete(one.note)
        }
      }
      table.push({ topic, cases: cases.length, passed, excepted })
      expect(failures).toEqual([])
    })
  }

  it('needs every exception that is listed', () => {
    const lines = table.map(({ topic, cases, passed, excepted }) => {
      return `${topic.padEnd(34)}${String(passed).padStart(5)} of ${String(cases).padStart(4)}${excepted > 0 ? `   ${excepted} excepted` : ''}`
    })
    const sum = (pick: (row: (typeof table)[number]) => number) => table.reduce((total, row) => total + pick(row), 0)
    console.log([...lines, `${'all'.padEnd(34)}${sum((row) => row.passed)} of ${sum((row) => row.cases)}`].join('\n'))
    expect([...unused]).toEqual([])
  })
})
