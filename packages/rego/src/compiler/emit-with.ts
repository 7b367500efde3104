import type { Location } from '../errors.js'
import { Context, type Eval, type Mock, patched, type Step } from '../eval/context.js'
import type { Value } from '../value.js'
import { emitTerm } from './emit-term.js'
import type { Env } from './env.js'
import type { WithNode } from './ir.js'

type Change =
  | { readonly kind: 'input' | 'data'; readonly path: readonly string[]; readonly value: Eval }
  | { readonly kind: 'mock'; readonly name: string; readonly value: Eval | undefined; readonly call: Mock | undefined }

/**
 * Code that runs `inner` with documents and functions replaced. What comes after it must see the original context again, so
 * `inner` gets a function to wrap its last step in.
 */
export function emitWith(
  withs: readonly WithNode[],
  env: Env,
  inner: (leave: (next: Step) => Step) => Step,
  at: Location,
): Step {
  const { slot } = env.fresh(at)
  const changes = withs.map((one) => change(one, env))
  const body = inner((next) => (_, f) => next(f[slot] as Context, f))
  return (c, f) => {
    let { input, data } = c
    let targets = c.targets
    let mocks: Map<string, Mock> | undefined
    for (const one of changes) {
      if (one.kind === 'mock') {
        mocks ??= new Map(c.mocks)
        const value = one.value?.(c, f)
        if (one.call) mocks.set(one.name, one.call)
        else if (value === undefined) return false
        else mocks.set(one.name, () => value)
        continue
      }
      const value = one.value(c, f)
      if (value === undefined) return false
      if (one.kind === 'input') {
        input = patched(input, one.path, value)
      } else {
        data = patched(data, one.path, value)
        targets = [...(targets ?? []), one.path]
      }
    }
    f[slot] = c
    return body(new Context(c.run, input, data, targets, mocks ?? c.mocks), f)
  }
}

function change({ target, value, replacement }: WithNode, env: Env): Change {
  const { program } = env
  const isDocument =
    target.kind !== 'builtin' && !(target.kind === 'data' && program.groupAt(target.path)?.kind === 'function')
  if (isDocument) return { kind: target.kind, path: target.path, value: emitTerm(value, env) }
  const name = target.kind === 'builtin' ? target.name : `data.${target.path.join('.')}`
  const call = replacement && functionMock(replacement, env)
  return { kind: 'mock', name, value: call ? undefined : emitTerm(value, env), call }
}

/** Calls of the replacement; inside it nothing is replaced, so it may call the original. */
function functionMock({ name, path }: NonNullable<WithNode['replacement']>, env: Env): Mock | undefined {
  const { program } = env
  const group = path && program.groupAt(path)
  if (path && group?.kind === 'function') {
    return (c, args) => group.call(unmocked(c), args)
  }
  const builtin = path ? undefined : program.builtins.get(name)
  if (!builtin) return undefined
  return (c, args: readonly Value[]) => program.callBuiltin(c, builtin, args, { file: '', line: 1, column: 1 })
}

function unmocked(c: Context): Context {
  return new Context(c.run, c.input, c.data, c.targets, undefined)
}
