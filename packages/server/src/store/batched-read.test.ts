import { expect, test } from 'vitest'
import { BatchedRead } from './batched-read.js'

/** Waits until a query is on its way, however long its turn takes to come. */
async function begun(asked: readonly unknown[]): Promise<void> {
  while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve))
}

test('keys asked for while a query is on its way share the next one', async () => {
  const asked: (readonly string[])[] = []
  const reads = new BatchedRead(async (keys) => {
    asked.push(keys)
    await new Promise((resolve) => setTimeout(resolve, 5))
    return new Map(keys.filter((key) => key !== 'none').map((key) => [key, `${key}!`]))
  })
  const first = reads.ask('a')
  await begun(asked)
  const rest = Promise.all([reads.ask('b'), reads.ask('b'), reads.ask('none')])
  expect([await first, ...(await rest)]).toEqual(['a!', 'b!', 'b!', undefined])
  expect(asked).toEqual([['a'], ['b', 'none']])
})

test('keys asked for in one turn of the event loop share a query, even when nothing is on its way', async () => {
  const asked: (readonly string[])[] = []
  const reads = new BatchedRead(async (keys) => {
    asked.push(keys)
    return new Map(keys.map((key) => [key, key]))
  })
  const first = reads.ask('a')
  await Promise.resolve()
  await Promise.resolve()
  expect(await Promise.all([first, reads.ask('b')])).toEqual(['a', 'b'])
  expect(asked).toEqual([['a', 'b']])
})

test('questions with the same key are asked once, and each who asks is told', async () => {
  const asked: { id: number }[] = []
  const reads = new BatchedRead(
    async (questions: readonly { id: number }[]) => {
      asked.push(...questions)
      return new Map(questions.map((question) => [question, question.id * 2]))
    },
    ({ id }) => id,
  )
  expect(await Promise.all([reads.ask({ id: 1 }), reads.ask({ id: 1 }), reads.ask({ id: 2 })])).toEqual([2, 2, 4])
  expect(asked).toEqual([{ id: 1 }, { id: 2 }])
})

test('a query that fails fails those who asked for it and nobody else', async () => {
  let fail = true
  const reads = new BatchedRead((keys) =>
    fail ? Promise.reject(new Error('lost')) : Promise.resolve(new Map(keys.map((key) => [key, 1]))),
  )
  await expect(reads.ask('a')).rejects.toThrow('lost')
  fail = false
  expect(await reads.ask('a')).toBe(1)
})

test('whoever asks while others are answered is told what was read after, even of what they asked for', async () => {
  const asked: (readonly object[])[] = []
  const reads = new BatchedRead(async (keys: readonly object[]) => {
    asked.push(keys)
    const reading = asked.length
    await new Promise((resolve) => setTimeout(resolve, 5))
    return new Map(keys.map((key) => [key, reading]))
  })
  const [session, other] = [{ id: 1 }, { id: 1 }]
  const first = [reads.ask(session), reads.ask(session), reads.ask(other)]
  await begun(asked)
  const later = reads.ask(session)
  expect(await Promise.all(first)).toEqual([1, 1, 1])
  expect(await later).toBe(2)
  expect(asked).toEqual([[session, other], [session]])
})
