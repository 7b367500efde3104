import { writeFileSync } from 'node:fs'
import { format, RegoError } from '@countersign/rego'
import { EXIT, type ExitCode } from '../cli-error.js'
import type { Io } from '../io.js'
import { diagnosticLines } from './check.js'
import { read, regoFiles } from './files.js'

export interface FmtFlags {
  readonly write?: boolean
  readonly check?: boolean
}

/** `policy fmt`: prints policies in the usual layout, rewrites the files, or names those that are not in it. */
export function fmt(io: Io, paths: readonly string[], flags: FmtFlags): ExitCode {
  let wrong = false
  for (const { file, path } of regoFiles(paths, io.cwd)) {
    const source = read(file)
    try {
      const formatted = format(source, path)
      if (!flags.check && !flags.write) io.out(formatted.trimEnd())
      else if (formatted !== source) {
        io.out(path)
        if (flags.write) writeFileSync(file, formatted)
        else wrong = true
      }
    } catch (error) {
      if (!(error instanceof RegoError)) throw error
      for (const line of diagnosticLines(error)) io.err(line)
      wrong = true
    }
  }
  return wrong ? EXIT.failed : EXIT.done
}
