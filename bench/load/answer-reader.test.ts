import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AnswerReader } from './answer-reader.js'

const answer = (status: number, body: string, headers = ''): Buffer =>
  Buffer.from(`HTTP/1.1 ${status} Whatever\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)

describe('the framing of answers', () => {
  it('finds each answer, however its bytes are cut', () => {
    const bodies = fc.array(
      fc.record({ status: fc.integer({ min: 200, max: 599 }), body: fc.string({ unit: 'binary' }) }),
      {
        minLength: 1,
        maxLength: 5,
      },
    )
    fc.assert(
      fc.property(bodies, fc.infiniteStream(fc.integer({ min: 1, max: 40 })), (answers, cuts) => {
        const reader = new AnswerReader(true)
        for (const { status, body } of answers) {
          const whole = Buffer.from(body, 'utf8').toString('utf8')
          const bytes = answer(status, whole)
          let read: ReturnType<AnswerReader['read']>
          for (let at = 0; at < bytes.length; ) {
            expect(read).toBeUndefined()
            const end = at + (cuts.next().value ?? 1)
            read = reader.read(bytes.subarray(at, end))
            at = end
          }
          expect(read).toEqual({ status, body: whole, retryAfter: false })
        }
      }),
    )
  })

  it('sees whether an answer says when to come back', () => {
    expect(new AnswerReader().read(answer(503, '', 'Retry-After: 1\r\n'))?.retryAfter).toBe(true)
    expect(new AnswerReader().read(answer(503, 'retry-after: 1'))?.retryAfter).toBe(false)
  })

  it('keeps no body that was not asked for', () => {
    expect(new AnswerReader().read(answer(200, 'a secret'))?.body).toBe('')
  })

  it.each([
    ['no length', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['no HTTP', 'SSH-2.0-server\r\n\r\n'],
    ['two answers at once', `${answer(200, 'a')}${answer(200, 'b')}`],
  ])('refuses %s', (_, bytes) => {
    expect(() => new AnswerReader().read(Buffer.from(bytes))).toThrow('the server sent')
  })
})
