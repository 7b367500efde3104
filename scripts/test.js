// `npm test`: every test, from a fresh clone on. Arguments go to Vitest.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { prepare } from './prepare.js'

prepare()
const vitest = join(import.meta.dirname, '..', 'node_modules', 'vitest', 'vitest.mjs')
const child = spawn(process.execPath, [vitest, 'run', ...process.argv.slice(2)], { stdio: 'inherit' })
// Ctrl-C reaches Vitest too, which then cleans up; its end is ours.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', (code) => {
  process.exitCode = code ?? 1
})
