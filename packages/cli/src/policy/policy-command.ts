import { type Command, InvalidArgumentError } from 'commander'
import type { ExitCode } from '../cli-error.js'
import type { Io } from '../io.js'
import { check } from './check.js'
import { type EvaluateFlags, evaluate } from './evaluate.js'
import { type FmtFlags, fmt } from './fmt.js'
import { type TestFlags, test } from './test.js'

/** Adds `policy`: what an author of policies needs, without any service. Paths are files or folders. */
export function addPolicyCommand(program: Command, io: Io, done: (code: ExitCode) => void): void {
  const run =
    <Args extends unknown[]>(action: (...args: Args) => ExitCode) =>
    (...args: Args): void =>
      done(action(...args))

  const policy = program.command('policy').description('check, test, evaluate and format Rego policies')
  policy
    .command('check')
    .description('compile policies and list what is wrong as file:line:column')
    .argument('<path...>', 'files or folders')
    .option('--strict', 'imports and variables that nothing uses are errors too')
    .action(run((paths: string[], flags: { strict?: boolean }) => check(io, paths, flags)))
  policy
    .command('test')
    .description('run the rules named test_… and show which lines they reached')
    .argument('<path...>', 'files or folders')
    .option('--json', 'print JSON')
    .option('--min-coverage <percent>', 'fail when fewer lines were reached', percentage)
    .action(run((paths: string[], flags: TestFlags) => test(io, paths, flags)))
  policy
    .command('eval')
    .description('evaluate a reference or query')
    .argument('<query>', 'such as data.app.allow, or data.app.roles[user] = role')
    .option('-d, --data <path>', 'policies and JSON documents; may be repeated', collect)
    .option('-i, --input <file>', 'the input, a JSON document')
    .option('--strict', 'errors of built-ins end the evaluation')
    .option('--explain', 'tell which rules fired or failed')
    .action(run((query: string, flags: EvaluateFlags) => evaluate(io, query, flags)))
  policy
    .command('fmt')
    .description('format policies; prints them unless told otherwise')
    .argument('<path...>', 'files or folders')
    .option('-w, --write', 'rewrite the files and list those that changed')
    .option('--check', 'list files that are not formatted, and fail when there are any')
    .action(run((paths: string[], flags: FmtFlags) => fmt(io, paths, flags)))
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}

function percentage(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value < 0 || value > 100)
    throw new InvalidArgumentError('Expected a number from 0 to 100.')
  return value
}
