/** An answer as far as a load generator looks at it. */
export interface Answer {
  readonly status: number
  /** The text of the body; empty unless it was asked for. */
  readonly body: string
  readonly retryAfter: boolean
}

const HEAD_END = '\r\n\r\n'

/** Finds where an answer ends, by its Content-Length; one answer at a time. */
export class AnswerReader {
  #held: Buffer = Buffer.alloc(0)
  #bodyAt = 0
  #ends = 0
  #status = 0
  #retryAfter = false

  /** `keepBody`: whether the body is wanted, which costs a little. */
  constructor(private readonly keepBody = false) {}

  /**
   * The answer when it is whole, undefined before.
   *
   * @throws Error for what is not an answer with a Content-Length
   */
  read(chunk: Buffer): Answer | undefined {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    if (this.#ends === 0 && !this.#readHead()) return undefined
    if (this.#held.length < this.#ends) return undefined
    const body = this.keepBody ? this.#held.toString('utf8', this.#bodyAt, this.#ends) : ''
    const extra = this.#held.length > this.#ends
    this.#held = Buffer.alloc(0)
    this.#ends = 0
    if (extra) throw new Error('the server sent more than one answer to one request')
    return { status: this.#status, body, retryAfter: this.#retryAfter }
  }

  #readHead(): boolean {
    const head = this.#held.indexOf(HEAD_END)
    if (head === -1) return false
    const text = this.#held.toString('latin1', 0, head)
    const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]
    const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1]
    if (status === undefined || length === undefined) throw new Error('the server sent no answer with a Content-Length')
    this.#status = Number(status)
    this.#retryAfter = /\r\nretry-after:/i.test(text)
    this.#bodyAt = head + HEAD_END.length
    this.#ends = this.#bodyAt + Number(length)
    return true
  }
}
