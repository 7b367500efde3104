import { readFile } from 'node:fs/promises'
import { processIo } from './io.js'
import { runProgram } from './program.js'

/** The command `countersign`. Resolves with the exit status. */
export async function main(argv: readonly string[]): Promise<number> {
  const manifest = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return runProgram(argv, processIo(), manifest.version)
}
