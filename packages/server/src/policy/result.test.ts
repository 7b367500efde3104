import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compose } from './composition.js'
import { parseDemand } from './demand.js'
import type { PolicyInput } from './input.js'
import { readResult } from './result.js'

const complete = { decision: 'deny', evaluation_status: 'complete', determining_policies: ['p'], diagnostics: [] }
const input = { context: {} } as unknown as PolicyInput

test('a deny with a demand is a step-up, an allow with one is an allow', () => {
  const diagnostics = [{ step_up_required: 'mfa' }]
  expect(readResult({ ...complete, diagnostics })).toMatchObject({
    kind: 'step_up',
    demands: [{ type: 'mfa', aal: 'aal2' }],
  })
  expect(readResult({ ...complete, decision: 'allow', diagnostics })).toMatchObject({ kind: 'allow' })
})

test('several demands merge into the strictest of each type, in the order in which they are asked', () => {
  const diagnostics = [
    { step_up_required: { type: 'human_approval', approvals: 2, ttl_seconds: 600 } },
    { step_up_required: { type: 'mfa', max_age: 60 } },
    { step_up_required: { type: 'human_approval', approvals: 1, ttl_seconds: 120 } },
    { step_up_required: { type: 'mfa', aal: 'aal3' } },
  ]
  expect(readResult({ ...complete, diagnostics })).toMatchObject({
    demands: [
      { type: 'mfa', aal: 'aal3', maxAge: 60 },
      { type: 'human_approval', approvals: 2, ttlSeconds: 120 },
    ],
  })
})

test('what a demand leaves open counts as what it then means, not as nothing', () => {
  const merged = (...demands: unknown[]) =>
    readResult({ ...complete, diagnostics: demands.map((demand) => ({ step_up_required: demand })) })
  // Five minutes, and an authentication since the challenge was made.
  expect(merged('human_approval', { type: 'human_approval', ttl_seconds: 86_400 })).toMatchObject({
    demands: [{ type: 'human_approval', ttlSeconds: 300 }],
  })
  const aged = { type: 'mfa', max_age: 3_600 }
  for (const demands of [
    ['mfa', aged, aged],
    [aged, 'mfa'],
  ]) {
    expect(merged(...demands)).toMatchObject({ demands: [{ type: 'mfa', maxAge: 3_600, again: true }] })
  }
  expect(merged(aged, aged)).toMatchObject({ demands: [{ type: 'mfa', maxAge: 3_600, again: false }] })
})

test('a demand that is malformed or unknown denies, and says so', () => {
  for (const demand of [
    'sms',
    7,
    null,
    { type: 'mfa', approvals: 2 },
    { type: 'human_approval', aal: 'aal2' },
    { type: 'mfa', ttl_seconds: 1 },
    { type: 'mfa', more: 1 },
    { type: 'mfa', reason: 'x'.repeat(501) },
    { type: 'mfa', reason: 'what no column holds: \0' },
    { type: 'mfa', reason: 'nor half of a pair: \ud83d' },
  ]) {
    expect(readResult({ ...complete, diagnostics: [{ step_up_required: demand }] })).toMatchObject({
      kind: 'deny',
      status: 'step_up_invalid',
    })
  }
})

test('whatever has not the exact shape of a result is a denial', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(readResult(value).kind).toBe('deny')
    }),
  )
  expect(readResult(undefined)).toMatchObject({ kind: 'deny', status: 'undefined' })
  expect(readResult({ ...complete, decision: 'allow', evaluation_status: 'partial' })).toMatchObject({ kind: 'deny' })
})

test('diagnostics that the ledger could not hold do not get in the way of a denial', () => {
  let nested: unknown = 1
  for (let depth = 0; depth < 50_000; depth++) nested = [nested]
  for (const diagnostic of [10n ** 400n, 'x'.repeat(20_000), nested]) {
    const { kind, diagnostics } = readResult({ ...complete, diagnostics: [diagnostic] })
    expect(kind).toBe('deny')
    expect(JSON.stringify(diagnostics).length).toBeLessThan(17_000)
  }
})

test('partial rules compose: deny before allow, nothing without an allow, demands before the end', () => {
  const rules = { allow: ['a'], deny: [], step_up: [], require: [] }
  const now = 1_000_000
  expect(compose(rules, input, [], now)).toMatchObject({ kind: 'allow', determining: ['a'] })
  expect(compose({ ...rules, allow: [] }, input, [], now)).toMatchObject({ kind: 'deny' })
  expect(compose({ ...rules, deny: [{ policy: 'd', reason: 'no' }] }, input, [], now)).toMatchObject({
    kind: 'deny',
    determining: ['d'],
  })
  const stepUp = { ...rules, step_up: [{ policy: 's', type: 'human_approval' }] }
  expect(compose(stepUp, input, [], now)).toMatchObject({ kind: 'step_up', determining: ['s'] })
  const proof = {
    id: 'c',
    type: 'human_approval',
    createdAt: 0,
    satisfiedAt: 0,
    aal: null,
    amr: [],
    authTime: null,
    approvers: ['x'],
  } as const
  expect(compose(stepUp, input, [proof], now)).toMatchObject({ kind: 'allow' })
})

test('a requirement is met by the session’s level and age, or by a proof of this request', () => {
  const rules = { allow: ['a'], deny: [], step_up: [], require: [{ policy: 'r', aal: 'aal2', max_age: 300 }] }
  const now = 10_000_000
  const session = (aal: string, age: number) =>
    ({ ...input, session: { aal, authenticated_seconds_ago: age } }) as unknown as PolicyInput
  expect(compose(rules, session('aal2', 300), [], now)).toMatchObject({ kind: 'allow' })
  expect(compose(rules, session('aal2', 301), [], now)).toMatchObject({ kind: 'step_up' })
  expect(compose(rules, session('aal1', 0), [], now)).toMatchObject({ kind: 'step_up' })
  const proof = {
    id: 'c',
    type: 'mfa',
    createdAt: now,
    satisfiedAt: now,
    aal: 'aal2',
    amr: [],
    authTime: now - 1000,
    approvers: [],
  } as const
  expect(compose(rules, session('aal1', 0), [proof], now)).toMatchObject({ kind: 'allow' })
  expect(compose(rules, session('aal1', 0), [{ ...proof, aal: 'aal1' }], now)).toMatchObject({ kind: 'step_up' })
})

test('no demand is read from what is not one', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      const demand = parseDemand(value)
      if (demand !== undefined) expect(['mfa', 'human_approval', 'software_attestation']).toContain(demand.type)
    }),
  )
})
