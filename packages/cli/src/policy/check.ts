import { compile, RegoError } from '@countersign/rego'
import { load } from './files.js'
import type { PolicyIo } from './policy-io.js'

/** `policy check`: compiles everything together and lists what is wrong, one line each. */
export function check(io: PolicyIo, paths: readonly string[], flags: { readonly strict?: boolean }): void {
  const { modules, data } = load(paths, io.cwd)
  try {
    compile(modules, { data, strict: flags.strict ?? false })
  } catch (error) {
    if (!(error instanceof RegoError)) throw error
    for (const line of diagnosticLines(error)) io.out(line)
    io.exit(1)
    return
  }
  io.out(`${modules.length} ${modules.length === 1 ? 'module is' : 'modules are'} fine`)
  io.exit(0)
}

/** `file:line:column: code: what is wrong` for each error. */
export function diagnosticLines({ errors }: RegoError): string[] {
  return errors.map(({ file, line, column, code, message }) =>
    file === '' ? `${code}: ${message}` : `${file}:${line}:${column}: ${code}: ${message}`,
  )
}
