import { type KeyObject, sign, verify } from 'node:crypto'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { type Outcome, type SharedMemory, Slots } from './slots.js'

// The thread of a SignatureThread. It has nothing else to do, so it waits without an event loop.

/** A key, by the number that slots name it with. */
export interface KeyMessage {
  readonly number: number
  readonly key: KeyObject
}

/** After so many the other thread is told: it takes them together, and has the first while the last are made. */
const TOLD_TOGETHER = 8
const MOST_KEYS = 1024

if (parentPort === null) throw new Error('this is a thread of the service, not a program')
const main = parentPort
const slots = new Slots(workerData as SharedMemory)
const keys = new Map<number, KeyObject>()

for (let nth = 0, untold = 0; ; nth = (nth + 1) | 0) {
  while (nth === slots.told()) {
    if (untold > 0) main.postMessage(null)
    untold = 0
    slots.waitForMoreThan(nth)
  }
  const slot = Slots.at(nth)
  if (!slots.take(slot)) continue
  slots.end(slot, workOn(slot))
  if (++untold < TOLD_TOGETHER) continue
  main.postMessage(null)
  untold = 0
}

function workOn(slot: number): Outcome {
  const key = keyOf(slots.keyOf(slot))
  if (key === undefined) return 'failed'
  const [input, signature] = [slots.inputOf(slot), slots.signatureOf(slot)]
  const es256 = { key, dsaEncoding: 'ieee-p1363' as const }
  try {
    if (slots.verifies(slot)) return verify('sha256', input, es256, signature) ? 'good' : 'bad'
    signature.set(sign('sha256', input, es256))
    return 'good'
  } catch {
    return 'failed'
  }
}

// A key is sent before the first slot that names it. One that was dropped is sent again, by another number.
function keyOf(number: number): KeyObject | undefined {
  while (!keys.has(number)) {
    const received = receiveMessageOnPort(main)
    if (received === undefined) return undefined
    const sent = received.message as KeyMessage
    keys.set(sent.number, sent.key)
    if (keys.size <= MOST_KEYS) continue
    for (const oldest of keys.keys()) {
      keys.delete(oldest)
      break
    }
  }
  return keys.get(number)
}
