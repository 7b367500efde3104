import { generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { signEs256, verifyEs256 } from './es256.js'
import { SLOT_BYTES, SLOTS } from './slots.js'

const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const isGood = (key: KeyObject, input: string, signature: string): boolean =>
  verify('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))
const signatureOf = (key: KeyObject, input: string): Buffer =>
  sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

// One at a time, a few, a commit's worth, more than there is room for; short texts, and some too long for a slot.
const batches = fc.array(
  fc.record({
    count: fc.constantFrom(1, 3, 4, 9, 32, SLOTS, SLOTS + 40),
    length: fc.constantFrom(1, 700, SLOT_BYTES, SLOT_BYTES + 1),
    waits: fc.boolean(),
  }),
  { minLength: 1, maxLength: 8 },
)

// Threads that leave the others little of any processor, so that the one that signs falls behind.
let spinning: Worker[]
beforeAll(() => {
  spinning = Array.from({ length: availableParallelism() }, () => new Worker('for (;;);', { eval: true }))
})
afterAll(() => Promise.all(spinning.map((worker) => worker.terminate())))

test('every text gets a signature of its own by the key that was asked for, however many are asked for at once', async () => {
  const pairs = [pair(), pair(), pair()]
  let serial = 0
  await fc.assert(
    fc.asyncProperty(batches, async (asked) => {
      const made: Promise<void>[] = []
      for (const { count, length, waits } of asked) {
        for (let n = 0; n < count; n++) {
          const { privateKey, publicKey } = pairs[n % pairs.length] as (typeof pairs)[number]
          const input = `${++serial}.`.padEnd(length, 'x')
          made.push(
            Promise.resolve(signEs256(privateKey, input)).then((signature) => {
              expect(isGood(publicKey, input, signature)).toBe(true)
            }),
          )
        }
        if (waits) await turn()
      }
      await Promise.all(made)
    }),
    { numRuns: 20 },
  )
}, 60_000)

test('a signature verifies with its own text and key alone, among any number of others', async () => {
  const [one, other] = [pair(), pair()]
  await fc.assert(
    fc.asyncProperty(batches, async (asked) => {
      const answers: Promise<void>[] = []
      for (const { count, length, waits } of asked) {
        for (let n = 0; n < count / 4; n++) {
          const input = `${n}.`.padEnd(length, 'x')
          const signature = signatureOf(one.privateKey, input)
          const expects = (key: KeyObject, text: string, bytes: Buffer, good: boolean) =>
            answers.push(verifyEs256(key, text, bytes).then((found) => expect(found, text).toBe(good)))
          expects(one.publicKey, input, signature, true)
          expects(other.publicKey, input, signature, false)
          expects(one.publicKey, `${input}y`, signature, false)
          expects(one.publicKey, input, signature.subarray(1), false)
          expects(one.publicKey, input, Buffer.alloc(64), false)
          void signEs256(one.privateKey, input)
        }
        if (waits) await turn()
      }
      await Promise.all(answers)
    }),
    { numRuns: 10 },
  )
}, 60_000)

test('more keys than the thread keeps are used one after another, and the first again', async () => {
  const keys = Array.from({ length: 1_030 }, pair)
  for (const chunk of [keys.slice(0, 515), keys.slice(515), keys.slice(0, 8)]) {
    for (const { privateKey, publicKey } of chunk) {
      const input = 'header.payload'
      const signature = signatureOf(privateKey, input)
      expect(await verifyEs256(publicKey, input, signature)).toBe(true)
    }
  }
}, 60_000)

test('a key that cannot sign is said to be one, and holds up none of the others', async () => {
  const { publicKey, privateKey } = pair()
  const asked = Array.from({ length: 40 }, async (_, n) => signEs256(n === 7 ? publicKey : privateKey, `text ${n}`))
  const settled = await Promise.allSettled(asked)
  expect(settled.map(({ status }) => status)).toEqual(settled.map((_, n) => (n === 7 ? 'rejected' : 'fulfilled')))
})
