import type { Comment, Span } from '../syntax/ast.js'

/** Collects lines, indented with tabs, and puts comments back where they stood. */
export class Writer {
  readonly #lines: string[] = []
  #line = ''
  #indent = 0
  readonly #comments: Comment[]
  /** Line of the source that was written last, to keep blank lines where the author had some. */
  #sourceLine = 0
  readonly #source: string

  constructor(comments: readonly Comment[], source: string) {
    this.#comments = [...comments]
    this.#source = source
  }

  write(text: string): void {
    this.#line += text
  }

  /** Ends the line; a comment that stood at the end of the source's line, before an offset, follows on it. */
  endLine(at?: Span, until = Number.POSITIVE_INFINITY): void {
    const last = at === undefined ? undefined : this.#endOf(at)
    if (last !== undefined) {
      while (this.#comments[0] && this.#comments[0].at.line <= last && this.#comments[0].at.start < until) {
        const comment = this.#comments.shift() as Comment
        if (this.#line.includes('#') && comment.at.line === last && this.#hasTrailing) {
          this.#flush()
          this.#line = ''
        }
        this.#line += `${this.#line === '' ? '' : ' '}#${comment.text.trimEnd()}`
        this.#hasTrailing = true
      }
      this.#sourceLine = last
    }
    this.#flush()
  }

  #hasTrailing = false

  #flush(): void {
    const text = this.#line.trimEnd()
    this.#lines.push(text === '' ? '' : '\t'.repeat(this.#indent) + text)
    this.#line = ''
    this.#hasTrailing = false
  }

  /** Writes the comments that stand before a place, each on a line, and one blank line where the source has some. */
  before(at: Span): void {
    while (this.#comments[0] && this.#comments[0].at.start < at.start) this.#comment()
    this.#gap(at.line)
  }

  /** Writes the comments before a closing bracket. */
  beforeEnd(end: number): void {
    while (this.#comments[0] && this.#comments[0].at.start < end) this.#comment()
  }

  rest(): void {
    while (this.#comments[0]) this.#comment()
  }

  blank(): void {
    if (this.#lines.length > 0 && this.#lines.at(-1) !== '') this.#lines.push('')
  }

  indented(write: () => void): void {
    this.#indent++
    write()
    this.#indent--
  }

  /** Says that the source's lines up to this one are done. */
  passed(line: number): void {
    this.#sourceLine = line
  }

  toString(): string {
    while (this.#lines.at(-1) === '') this.#lines.pop()
    return `${this.#lines.join('\n')}\n`
  }

  #comment(): void {
    const comment = this.#comments.shift() as Comment
    this.#gap(comment.at.line)
    this.#line = `#${comment.text.trimEnd()}`
    this.#flush()
    this.#sourceLine = comment.at.line
  }

  #gap(line: number): void {
    if (this.#sourceLine > 0 && line > this.#sourceLine + 1) this.blank()
    this.#sourceLine = line
  }

  #endOf(at: Span): number {
    let line = at.line
    for (let offset = at.start; offset < at.end; offset++) if (this.#source[offset] === '\n') line++
    return line
  }
}
