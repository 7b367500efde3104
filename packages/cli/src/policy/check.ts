import { compile, RegoError } from '@countersign/rego'
import { CliError, EXIT, type ExitCode } from '../cli-error.js'
import type { Io } from '../io.js'
import { load } from './files.js'

/** `policy check`: compiles everything together and lists what is wrong, one line each. */
export function check(io: Io, paths: readonly string[], flags: { readonly strict?: boolean }): ExitCode {
  const { modules, data } = load(paths, io.cwd)
  if (modules.length === 0) throw new CliError(`no .rego file is in ${paths.join(' ')}`, EXIT.usage)
  try {
    compile(modules, { data, strict: flags.strict ?? false })
  } catch (error) {
    if (!(error instanceof RegoError)) throw error
    for (const line of diagnosticLines(error)) io.out(line)
    return EXIT.failed
  }
  io.out(`${modules.length} ${modules.length === 1 ? 'module is' : 'modules are'} fine`)
  return EXIT.done
}

/** `file:line:column: code: what is wrong` for each error. */
export function diagnosticLines({ errors }: RegoError): string[] {
  return errors.map(({ file, line, column, code, message }) =>
    file === '' ? `${code}: ${message}` : `${file}:${line}:${column}: ${code}: ${message}`,
  )
}
