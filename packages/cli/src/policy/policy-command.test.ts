import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { policyCommand } from './policy-command.js'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'policy-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
}

function run(...args: string[]): { out: string; err: string; code: number } {
  const out: string[] = []
  const err: string[] = []
  let code = -1
  const io = {
    cwd: folder,
    out: (text: string) => void out.push(text),
    err: (text: string) => void err.push(text),
    exit: (given: number) => {
      code = given
    },
  }
  policyCommand(io).parse(args, { from: 'user' })
  return { out: out.join('\n'), err: err.join('\n'), code }
}

describe('policy check', () => {
  it('lists every error with file, line and column, and fails', () => {
    write({ 'a.rego': 'package a\nallow if x\n', 'sub/b.rego': 'package b\nallow if y\n' })
    expect(run('check', '.')).toEqual({
      out: 'a.rego:2:10: rego_unsafe_var_error: var x is unsafe\nsub/b.rego:2:10: rego_unsafe_var_error: var y is unsafe',
      err: '',
      code: 1,
    })
  })

  it('is content with what compiles', () => {
    write({ 'a.rego': 'package a\nallow if input.x\n' })
    expect(run('check', 'a.rego')).toEqual({ out: '1 module is fine', err: '', code: 0 })
  })

  it('names a path that is not there', () => {
    expect(run('check', 'none.rego')).toEqual({ out: '', err: 'none.rego does not exist', code: 2 })
  })
})

describe('policy test', () => {
  beforeEach(() => {
    write({
      'app.rego': 'package app\nallow if {\n\tinput.x == 1\n}\nallow if {\n\tinput.y == 2\n\tinput.z\n}\n',
      'app_test.rego':
        'package app_test\nimport data.app\ntest_x if app.allow with input.x as 1\ntest_y if {\n\tprint("y")\n\tapp.allow with input.y as 2\n}\ntodo_test_z if false\n',
    })
  })

  it('tells what passed, what failed where, what was printed, and which lines were not reached', () => {
    const { out, code } = run('test', '.')
    expect(out.split('\n')).toEqual([
      'ok      data.app_test.test_x',
      'FAILED  data.app_test.test_y  app_test.rego:4  stopped at line 6',
      '          y',
      'skipped data.app_test.todo_test_z  app_test.rego:8',
      '1 passed, 1 failed, 1 skipped',
      '   80%  app.rego  not reached: 5',
    ])
    expect(code).toBe(1)
  })

  it('fails when too few lines were reached', () => {
    write({ 'app_test.rego': 'package app_test\nimport data.app\ntest_x if app.allow with input.x as 1\n' })
    expect(run('test', '.').code).toBe(0)
    expect(run('test', '--min-coverage', '90', '.')).toMatchObject({
      code: 1,
      err: expect.stringContaining('is below 90%'),
    })
  })

  it('gives the report as JSON', () => {
    const report = JSON.parse(run('test', '--json', '.').out) as { results: { name: string; outcome: string }[] }
    expect(report.results.map(({ outcome }) => outcome)).toEqual(['passed', 'failed', 'skipped'])
  })
})

describe('policy eval', () => {
  beforeEach(() => {
    write({
      'app.rego': 'package app\nallow if {\n\tinput.user in data.roles.admins\n}\nbig := 12345678901234567890\n',
      'roles/data.json': '{"admins": ["mira", "jon"]}',
      'in.json': '{"user": "mira"}',
    })
  })

  it('prints a value, with documents of folders under their names', () => {
    expect(run('eval', '-d', 'app.rego', '-d', 'roles', '-i', 'in.json', 'data.admins')).toMatchObject({ code: 0 })
    expect(run('eval', '-d', '.', '-i', 'in.json', 'data.app.allow')).toEqual({ out: 'true', err: '', code: 0 })
    expect(run('eval', '-d', '.', 'data.app.big').out).toBe('12345678901234567890')
  })

  it('prints the bindings of a query', () => {
    const { out } = run('eval', '-d', '.', 'data.roles.admins[i] = name')
    expect(JSON.parse(out)).toEqual([
      { i: 0, name: 'mira' },
      { i: 1, name: 'jon' },
    ])
  })

  it('says when there is no value, and explains why', () => {
    const { err, code } = run('eval', '-d', '.', '--explain', 'data.app.allow')
    expect(err.split('\n')).toEqual(['app.rego:2: data.app.allow failed at line 3', 'undefined'])
    expect(code).toBe(1)
  })
})

describe('policy fmt', () => {
  const loose = 'package a\nallow if {input.x==1 # one\n}'
  const neat = 'package a\n\nallow if {\n\tinput.x == 1 # one\n}\n'

  it('prints, checks or rewrites', () => {
    write({ 'a.rego': loose, 'b.rego': neat })
    expect(run('fmt', 'a.rego').out).toBe(neat.trimEnd())
    expect(run('fmt', '--check', '.')).toEqual({ out: 'a.rego', err: '', code: 1 })
    expect(run('fmt', '-w', '.')).toEqual({ out: 'a.rego', err: '', code: 0 })
    expect(readFileSync(join(folder, 'a.rego'), 'utf8')).toBe(neat)
    expect(run('fmt', '--check', '.').code).toBe(0)
  })

  it('leaves a file alone that does not parse', () => {
    write({ 'a.rego': 'package a\nallow if {' })
    expect(run('fmt', '-w', '.').code).toBe(1)
    expect(readFileSync(join(folder, 'a.rego'), 'utf8')).toBe('package a\nallow if {')
  })
})
