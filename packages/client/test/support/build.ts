import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The folder of a package of this workspace. */
export const packageDir = (name: string): string => fileURLToPath(new URL(`../../../${name}/`, import.meta.url))

/** Builds a package and what it refers to, as `npm run build` does. */
export async function build(name: string): Promise<void> {
  const tsc = fileURLToPath(new URL('../../../../node_modules/.bin/tsc', import.meta.url))
  await run(tsc, ['-b', packageDir(name)])
  if (!existsSync(`${packageDir(name)}dist/index.js`)) throw new Error(`building ${name} left no dist/index.js`)
}
