/**
 * How fast policies are decided and compiled, each figure beside its floor, in one run:
 *
 *     npx tsc -b bench && node bench/dist/rego/main.js
 *
 * OPA's binary is found in the usual places or by `OPA`; its WebAssembly SDK by its name or by `OPA_WASM` (a module's path).
 */
import { compile } from '@countersign/rego'
import { findOpa, loadWasm, opaNanoseconds } from './opa.js'
import {
  guarded,
  guardedInput,
  payments,
  paymentsByHand,
  paymentsInput,
  paymentsInputs,
  roles,
  rolesData,
  rolesInput,
  thousandLines,
} from './policies.js'
import { nanoseconds } from './timing.js'

const failures: string[] = []
const opa = findOpa()

await comparePayments()
await compareRoles()
compareGuarded()
compareCompile()
if (failures.length > 0) {
  console.log(`\nmissed: ${failures.join('; ')}`)
  process.exitCode = 1
}

async function comparePayments(): Promise<void> {
  const policy = compile([{ path: 'payments.rego', source: payments }])
  const byHand = paymentsByHand()
  let turn = 0
  const next = () => paymentsInputs[turn++ & 63] as (typeof paymentsInputs)[number]
  const ours = nanoseconds(() => policy.evaluate('data.countersign.authz.result', next()))
  const floor = nanoseconds(() => byHand(next()))
  console.log('the reference payments policy')
  line('evaluate', ours)
  line('by hand, closures', floor)
  target('share of the closures made by hand', floor / ours, (share) => share >= 0.25, 'at least 0.25')
  target('evaluations a second, millions', 1000 / ours, (rate) => rate >= 1, 'at least 1')
  if (!opa) {
    console.log('  OPA is not on this machine: left out')
    return
  }
  const wasm = await loadWasm(opa, payments, 'countersign/authz/result')
  if (wasm) {
    const theirs = nanoseconds(() => wasm.evaluate(next()))
    line("OPA's WebAssembly SDK", theirs)
    console.log(`    faster than it by ${(theirs / ours).toFixed(1)}`)
  } else console.log("  OPA's WebAssembly SDK is not installed: left out")
  const native = opaNanoseconds(opa, payments, 'data.countersign.authz.result', paymentsInput)
  line('OPA', native)
  console.log(`    faster than it by ${(native / ours).toFixed(1)}`)
}

async function compareRoles(): Promise<void> {
  const sizes = [1_000, 100_000]
  console.log('\na role-based policy over a list of bindings')
  const times = sizes.map((size) => {
    const policy = compile([{ path: 'roles.rego', source: roles }], { data: rolesData(size) })
    if (policy.evaluate('data.rbac.allow', rolesInput) !== true) throw new Error('the policy must allow')
    const time = nanoseconds(() => policy.evaluate('data.rbac.allow', rolesInput))
    line(`${size} bindings`, time)
    return time
  })
  const [small = 1, large = 1] = times
  target('growth from 1,000 to 100,000', large / small, (growth) => growth < 1.5, 'below 1.5')
  if (!opa) return
  const native = opaNanoseconds(opa, roles, 'data.rbac.allow', rolesInput, rolesData(1_000))
  line('OPA, 1000 bindings', native)
  console.log(`    faster than it by ${(native / small).toFixed(1)}`)
}

function compareGuarded(): void {
  console.log('\nrules that are each for one resource')
  const times = [10, 1_000].map((count) => {
    const policy = compile([{ path: 'guarded.rego', source: guarded(count) }])
    const time = nanoseconds(() => policy.evaluate('data.guarded.allow', guardedInput))
    line(`${count} rules`, time)
    return time
  })
  const [few = 1, many = 1] = times
  target('1,000 rules beside 10', many / few, (ratio) => ratio <= 3, 'at most 3')
}

function compareCompile(): void {
  const source = thousandLines()
  const lines = source.split('\n').length
  const compiled = () => {
    const start = process.cpuUsage()
    compile([{ path: 'large.rego', source }]).evaluate('data.large.allow', {})
    const { user, system } = process.cpuUsage(start)
    return (user + system) / 1e3
  }
  const first = compiled()
  const best = Math.min(...Array.from({ length: 5 }, compiled))
  console.log(`\ncompiling ${lines} lines, and a first evaluation`)
  console.log(`  first time ${first.toFixed(0)} ms, then ${best.toFixed(0)} ms`)
  target('milliseconds, warm', best, (time) => time < 100, 'below 100')
}

function line(what: string, time: number): void {
  console.log(`  ${what.padEnd(28)}${time.toFixed(0).padStart(9)} ns${(1e3 / time).toFixed(2).padStart(9)} M/s`)
}

function target(what: string, value: number, holds: (value: number) => boolean, wanted: string): void {
  const kept = holds(value)
  console.log(`    ${what}: ${value.toFixed(2)}, wanted ${wanted}: ${kept ? 'kept' : 'MISSED'}`)
  if (!kept) failures.push(what)
}
