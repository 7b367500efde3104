import { compile, type Json, type Policy, RegoError } from '@countersign/rego'
import { EXIT, type ExitCode } from '../cli-error.js'
import type { Io } from '../io.js'
import { diagnosticLines } from './check.js'
import { document, load } from './files.js'
import { prettyJson } from './pretty-json.js'

export interface EvaluateFlags {
  readonly data?: readonly string[]
  readonly input?: string
  readonly strict?: boolean
  readonly explain?: boolean
}

/** `policy eval`: the value of a reference, or the bindings of a query. Undefined prints nothing and exits with 1. */
export function evaluate(io: Io, query: string, flags: EvaluateFlags): ExitCode {
  const { modules, data } = load(flags.data ?? [], io.cwd)
  const input = flags.input === undefined ? undefined : document(flags.input, io.cwd)
  try {
    const policy = compile(modules, { data, strictBuiltinErrors: flags.strict ?? false })
    if (flags.explain) explain(io, policy, query, input)
    const value = answer(policy, query, input, (text) => io.err(text))
    if (value === undefined) {
      io.err('undefined')
      return EXIT.failed
    }
    io.out(prettyJson(value))
    return EXIT.done
  } catch (error) {
    if (!(error instanceof RegoError)) throw error
    for (const line of diagnosticLines(error)) io.err(line)
    return EXIT.failed
  }
}

function answer(policy: Policy, query: string, input: unknown, print: (text: string) => void): Json | undefined {
  try {
    return policy.evaluate(query, input, { print })
  } catch (error) {
    if (!(error instanceof RegoError) || error.code !== 'eval_input_error') throw error
    const bindings = policy.query(query, input, { print })
    return bindings.length > 0 ? bindings : undefined
  }
}

function explain(io: Io, policy: Policy, query: string, input: unknown): void {
  for (const { rule, file, line, fired, failedAt } of policy.explain(query, input).rules) {
    const what = fired ? 'fired' : failedAt ? `failed at line ${failedAt.line}` : 'failed'
    io.err(`${file}:${line}: ${rule} ${what}`)
  }
}
