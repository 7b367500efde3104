import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { BrokenRun } from '../load/tally.js'

/**
 * The policy engine's own figures, which have a text of their own.
 *
 * @returns that text
 */
export async function regoPart(): Promise<string> {
  const main = fileURLToPath(new URL('../rego/main.js', import.meta.url))
  const child = spawn(process.execPath, [main], { stdio: ['ignore', 'pipe', 'inherit'] })
  const stop = (): void => void child.kill()
  process.once('exit', stop)
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  process.off('exit', stop)
  // It ends with 1 when a target is missed, which its text says.
  if (signal !== null || (code !== 0 && !text.includes('\nmissed: '))) {
    throw new BrokenRun(`the policy engine's figures ended with ${signal ?? code}`)
  }
  return text
}
