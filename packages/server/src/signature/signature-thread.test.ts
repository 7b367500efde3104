import { execFile } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { SignatureThread } from './signature-thread.js'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const publicKey = createPublicKey(privateKey)
const es256 = { key: privateKey, dsaEncoding: 'ieee-p1363' as const }
const here = (input: string) => () => sign('sha256', Buffer.from(input), es256).toString('base64url')
const isGood = (input: string, signature: string): boolean =>
  verify('sha256', Buffer.from(input), { ...es256, key: publicKey }, Buffer.from(signature, 'base64url'))

async function asksMany(thread: SignatureThread): Promise<{ readonly madeHere: number }> {
  let madeHere = 0
  const inputs = Array.from({ length: 200 }, (_, n) => `text ${n}`)
  const signatures = await Promise.all(
    inputs.map((input) => {
      const make = () => {
        madeHere++
        return here(input)()
      }
      return thread.sign(privateKey, input, make) ?? make()
    }),
  )
  expect(inputs.filter((input, n) => isGood(input, signatures[n] ?? ''))).toEqual(inputs)
  return { madeHere }
}

test('while this thread is busy, the other one makes all signatures', async () => {
  const thread = new SignatureThread()
  // Left to it, so by then it is there.
  const signature = sign('sha256', Buffer.from('text'), es256)
  expect(await thread.verify(publicKey, 'text', signature, async () => false)).toBe(true)
  let madeHere = 0
  const signatures = Array.from({ length: 32 }, (_, n) => {
    const make = () => {
      madeHere++
      return here(`text ${n}`)()
    }
    return thread.sign(privateKey, `text ${n}`, make) ?? make()
  })
  // Once all of them are told of, as at the end of the turn.
  await new Promise<void>((resolve) => process.nextTick(resolve))
  const until = performance.now() + 300
  while (performance.now() < until);
  await Promise.all(signatures)
  expect(madeHere).toBe(0)
})

test('when the thread ends, everything that waits for it is made here, and all that follows', async () => {
  const started = once(process, 'worker')
  const thread = new SignatureThread()
  const [worker] = (await started) as [Worker]
  const verifying = Array.from({ length: 20 }, (_, n) => {
    const signature = sign('sha256', Buffer.from(`text ${n}`), es256)
    return thread.verify(publicKey, `text ${n}`, signature, async () => true) ?? true
  })
  await worker.terminate()
  expect(await Promise.all(verifying)).toEqual(verifying.map(() => true))
  expect((await asksMany(thread)).madeHere).toBe(200)
})

test('a process lives as long as somebody waits for a signature, and ends by itself when nobody does', async () => {
  const thread = createRequire(import.meta.url).resolve('@countersign/server/signature-thread')
  const program = `
    import { generateKeyPairSync, sign } from 'node:crypto'
    import { setTimeout as sleep } from 'node:timers/promises'
    import { signEs256, verifyEs256 } from ${JSON.stringify(pathToFileURL(join(dirname(thread), 'es256.js')).href)}
    const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const many = (count) => Promise.all(Array.from({ length: count }, (_, n) => signEs256(key, String(n))))
    for (const count of [1, 50]) await many(count)
    const signature = sign('sha256', Buffer.from('text'), { key, dsaEncoding: 'ieee-p1363' })
    console.log(await verifyEs256(publicKey, 'text', signature))
    await sleep(50)
    console.log((await many(50)).length)`
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], { timeout: 20_000 })
  expect((await run).stdout).toBe('true\n50\n')
}, 30_000)
