import { type FileCoverage, RegoError, runTests, type TestReport } from '@countersign/rego'
import { EXIT, type ExitCode } from '../cli-error.js'
import type { Io } from '../io.js'
import { diagnosticLines } from './check.js'
import { load } from './files.js'

export interface TestFlags {
  readonly json?: boolean
  /** Fail below this share of covered lines, in percent. */
  readonly minCoverage?: number
}

/** `policy test`: runs the `test_…` rules and tells which lines of the policies they reached. */
export function test(io: Io, paths: readonly string[], flags: TestFlags): ExitCode {
  const { modules, data } = load(paths, io.cwd)
  let report: TestReport
  try {
    report = runTests(modules, { data })
  } catch (error) {
    if (!(error instanceof RegoError)) throw error
    for (const line of diagnosticLines(error)) io.err(line)
    return EXIT.failed
  }
  const policies = report.coverage.filter(({ file }) => !file.endsWith('_test.rego'))
  const percent = covered(policies)
  if (flags.json) io.out(JSON.stringify({ ...report, coverage: policies, covered_percent: percent }, undefined, 2))
  else print(io, report, policies, percent)
  const failed = report.results.some(({ outcome }) => outcome === 'failed' || outcome === 'error')
  if (report.results.length === 0) io.err('no rule is named test_…')
  const tooLittle = flags.minCoverage !== undefined && percent < flags.minCoverage
  if (tooLittle) io.err(`coverage ${percent}% is below ${flags.minCoverage}%`)
  return failed || tooLittle || report.results.length === 0 ? EXIT.failed : EXIT.done
}

const WORDS = { passed: 'ok     ', failed: 'FAILED ', error: 'ERROR  ', skipped: 'skipped' }

function print(io: Io, { results }: TestReport, coverage: readonly FileCoverage[], percent: number): void {
  for (const { name, file, line, outcome, message, prints } of results) {
    io.out(
      `${WORDS[outcome]} ${name}${outcome === 'passed' ? '' : `  ${file}:${line}`}${message ? `  ${message}` : ''}`,
    )
    for (const text of prints) io.out(`          ${text}`)
  }
  const count = (wanted: string) => results.filter(({ outcome }) => outcome === wanted).length
  const failed = count('failed') + count('error')
  io.out(`${count('passed')} passed, ${failed} failed${count('skipped') > 0 ? `, ${count('skipped')} skipped` : ''}`)
  for (const one of coverage) {
    const missing = one.uncovered.length > 0 ? `  not reached: ${ranges(one.uncovered)}` : ''
    io.out(`${String(covered([one])).padStart(5)}%  ${one.file}${missing}`)
  }
  if (coverage.length > 1) io.out(`${String(percent).padStart(5)}%  in all`)
}

/** Covered lines in percent, to one decimal. */
function covered(files: readonly FileCoverage[]): number {
  const reached = files.reduce((sum, { covered: lines }) => sum + lines.length, 0)
  const all = reached + files.reduce((sum, { uncovered }) => sum + uncovered.length, 0)
  return all === 0 ? 100 : Math.floor((reached / all) * 1000) / 10
}

/** `3-5, 9` */
function ranges(lines: readonly number[]): string {
  const parts: [number, number][] = []
  for (const line of lines) {
    const last = parts.at(-1)
    if (last && last[1] === line - 1) last[1] = line
    else parts.push([line, line])
  }
  return parts.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(', ')
}
