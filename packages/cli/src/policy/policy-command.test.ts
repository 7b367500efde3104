import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Terminal } from '../../test/support/terminal.js'

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

async function run(...args: string[]): Promise<{ out: string; err: string; code: number }> {
  const terminal = new Terminal({}, folder)
  const code = await terminal.run('policy', ...args)
  return { out: terminal.text, err: terminal.errorText, code }
}

describe('policy check', async () => {
  it('lists every error with file, line and column, and fails', async () => {
    write({ 'a.rego': 'package a\nallow if x\n', 'sub/b.rego': 'package b\nallow if y\n' })
    expect(await run('check', '.')).toEqual({
      out: 'a.rego:2:10: rego_unsafe_var_error: var x is unsafe\nsub/b.rego:2:10: rego_unsafe_var_error: var y is unsafe',
      err: '',
      code: 1,
    })
  })

  it('is content with what compiles', async () => {
    write({ 'a.rego': 'package a\nallow if input.x\n' })
    expect(await run('check', 'a.rego')).toEqual({ out: '1 module is fine', err: '', code: 0 })
  })

  it('names a path that is not there', async () => {
    expect(await run('check', 'none.rego')).toEqual({ out: '', err: 'Error: none.rego does not exist', code: 2 })
  })
})

describe('paths', () => {
  it('pass over what is installed and what is hidden', async () => {
    write({ 'a.rego': 'package a\n', 'node_modules/x/b.rego': 'no rego', 'sub/.git/c.json': 'no json' })
    expect(await run('check', '.')).toEqual({ out: '1 module is fine', err: '', code: 0 })
  })

  it('without any policy are an error', async () => {
    expect(await run('check', '.')).toEqual({ out: '', err: 'Error: no .rego file is in .', code: 2 })
  })

  it('that cannot be read say why', async () => {
    write({ 'sub/a.rego': 'package a\n', 'data.json': '{' })
    expect((await run('eval', '-i', 'sub', 'data')).err).toMatch(/^Error: cannot read \S+sub: EISDIR/)
    expect((await run('check', 'data.json')).err).toContain('data.json is not JSON: ')
  })

  it('of an evaluation have no default that the help would show', async () => {
    expect((await run('eval', '--help')).out).not.toContain('default')
    write({ 'a.rego': 'package a\nx := 1\n', 'b.rego': 'package b\nx := 2\n' })
    expect((await run('eval', '-d', 'a.rego', '-d', 'b.rego', 'data.a.x + data.b.x == 3')).code).toBe(0)
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

  it('tells what passed, what failed where, what was printed, and which lines were not reached', async () => {
    const { out, code } = await run('test', '.')
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

  it('fails when too few lines were reached', async () => {
    write({ 'app_test.rego': 'package app_test\nimport data.app\ntest_x if app.allow with input.x as 1\n' })
    expect((await run('test', '.')).code).toBe(0)
    expect(await run('test', '--min-coverage', '90', '.')).toMatchObject({
      code: 1,
      err: expect.stringContaining('is below 90%'),
    })
  })

  it('gives the report as JSON', async () => {
    const report = JSON.parse((await run('test', '--json', '.')).out) as {
      results: { name: string; outcome: string }[]
    }
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

  it('prints a value, with documents of folders under their names', async () => {
    expect(await run('eval', '-d', 'app.rego', '-d', 'roles', '-i', 'in.json', 'data.admins')).toMatchObject({
      code: 0,
    })
    expect(await run('eval', '-d', '.', '-i', 'in.json', 'data.app.allow')).toEqual({ out: 'true', err: '', code: 0 })
    expect((await run('eval', '-d', '.', 'data.app.big')).out).toBe('12345678901234567890')
  })

  it('prints the bindings of a query', async () => {
    const { out } = await run('eval', '-d', '.', 'data.roles.admins[i] = name')
    expect(JSON.parse(out)).toEqual([
      { i: 0, name: 'mira' },
      { i: 1, name: 'jon' },
    ])
  })

  it('says when there is no value, and explains why', async () => {
    const { err, code } = await run('eval', '-d', '.', '--explain', 'data.app.allow')
    expect(err.split('\n')).toEqual(['app.rego:2: data.app.allow failed at line 3', 'undefined'])
    expect(code).toBe(1)
  })
})

describe('policy fmt', () => {
  const loose = 'package a\nallow if {input.x==1 # one\n}'
  const neat = 'package a\n\nallow if {\n\tinput.x == 1 # one\n}\n'

  it('prints, checks or rewrites', async () => {
    write({ 'a.rego': loose, 'b.rego': neat })
    expect((await run('fmt', 'a.rego')).out).toBe(neat.trimEnd())
    expect(await run('fmt', '--check', '.')).toEqual({ out: 'a.rego', err: '', code: 1 })
    expect(await run('fmt', '-w', '.')).toEqual({ out: 'a.rego', err: '', code: 0 })
    expect(readFileSync(join(folder, 'a.rego'), 'utf8')).toBe(neat)
    expect((await run('fmt', '--check', '.')).code).toBe(0)
  })

  it('leaves a file alone that does not parse', async () => {
    write({ 'a.rego': 'package a\nallow if {' })
    expect((await run('fmt', '-w', '.')).code).toBe(1)
    expect(readFileSync(join(folder, 'a.rego'), 'utf8')).toBe('package a\nallow if {')
  })
})
