/** Speed as counts, which no machine changes: a step is a rule's body entered, an element visited or a call. */
import { describe, expect, it } from 'vitest'
import { type CompileOptions, compile } from '../src/index.js'

function decide(source: string, input: unknown, options: CompileOptions) {
  return compile([{ path: 'policy.rego', source: `package p\n${source}` }], options).evaluate('data.p.allow', input)
}

describe('rules that compare the same thing with constants', () => {
  const rules = (count: number) =>
    Array.from(
      { length: count },
      (_, at) => `allow if {\n\tinput.resource.identifier == "r${at}"\n\tinput.level > 1\n}`,
    ).join('\n')

  it('are found without entering the others', () => {
    const input = { resource: { identifier: 'r700' }, level: 2 }
    expect(decide(rules(1_000), input, { maxSteps: 5 })).toBe(true)
    expect(decide(rules(1_000), { resource: { identifier: 'none' } }, { maxSteps: 5 })).toBeUndefined()
  })

  it('are found by a function’s operand, a member of a set, and through a variable', () => {
    const functions = Array.from({ length: 500 }, (_, at) => `level("role-${at}") := ${at}`).join('\n')
    expect(decide(`allow := level(input.role)\n${functions}`, { role: 'role-333' }, { maxSteps: 10 })).toBe(333)
    const members = Array.from({ length: 500 }, (_, at) => `allow if input.action in {"a${at}", "b${at}"}`).join('\n')
    expect(decide(members, { action: 'b42' }, { maxSteps: 10 })).toBe(true)
    const variables = Array.from(
      { length: 500 },
      (_, at) => `allow if {\n\taction := input.action\n\taction == "a${at}"\n}`,
    )
    expect(decide(variables.join('\n'), { action: 'a42' }, { maxSteps: 10 })).toBe(true)
  })

  it('are tried as before when an else may hold instead', () => {
    const rules = Array.from(
      { length: 10 },
      (_, at) => `allow := ${at} if {\n\tinput.x == ${at}\n} else := "other" if input.y == ${at}`,
    )
    expect(decide(rules.join('\n'), { x: 3 }, {})).toBe(3)
    expect(decide(rules.join('\n'), { y: 4 }, {})).toBe('other')
  })
})

describe('base data', () => {
  const data = {
    bindings: Array.from({ length: 100_000 }, (_, at) => ({ subject: `user-${at}`, role: `role-${at % 20}` })),
    by_user: Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`user-${at}`, [`role-${at % 20}`]])),
    roles: { 'role-7': ['read'] },
  }
  const subject = 'user-50007'

  it.each([
    [
      'some and an equality',
      'allow if {\n\tsome b in data.bindings\n\tb.subject == input.subject\n\t"read" in data.roles[b.role]\n}',
    ],
    [
      'a variable as index',
      'allow if {\n\tdata.bindings[i].subject == input.subject\n\t"read" in data.roles[data.bindings[i].role]\n}',
    ],
    [
      'a set of roles by subject',
      'allow if {\n\tsome role in roles[input.subject]\n\t"read" in data.roles[role]\n}\nroles[s] contains r if {\n\tsome b in data.bindings\n\ts := b.subject\n\tr := b.role\n}',
    ],
    ['a key', 'allow if {\n\tsome user, roles in data.by_user\n\tuser == input.subject\n\t"role-7" in roles\n}'],
    [
      'a function',
      'allow if has_role(input.subject, "role-7")\nhas_role(s, r) if {\n\tsome b in data.bindings\n\tb.subject == s\n\tb.role == r\n}',
    ],
  ])('is looked up, not scanned: %s', (_, source) => {
    expect(decide(source, { subject }, { data, maxSteps: 30 })).toBe(true)
    expect(decide(source, { subject: 'nobody' }, { data, maxSteps: 30 })).toBeUndefined()
  })

  it('that a with replaces is seen as replaced', () => {
    const source =
      'found if {\n\tsome b in data.bindings\n\tb.subject == "new"\n}\nallow if found with data.bindings as [{"subject": "new"}]'
    expect(decide(source, {}, { data })).toBe(true)
  })
})
