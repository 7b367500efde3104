import { ProblemError } from './problem.js'

const MAX_DEPTH = 64

// Node 20 has String.prototype.isWellFormed, the library of ES2023 does not declare it.
const UNSTORABLE = /\0|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/

/**
 * Refuses what no column can hold: NUL, half a surrogate pair, numbers beyond a double, nesting without end.
 *
 * @param withTexts whether a text may be such a one: to look at each takes half of the time
 * @throws ProblemError 400 `invalid_characters`, `invalid_number` or `too_deep`
 */
export function checkWellFormed(value: unknown, withTexts = true, depth = 0): void {
  if (typeof value === 'string') {
    if (withTexts) checkText(value)
  } else if (typeof value === 'number') checkNumber(value)
  else if (typeof value === 'object' && value !== null) {
    if (depth === MAX_DEPTH) {
      throw new ProblemError(400, 'too_deep', `the body is nested more than ${MAX_DEPTH} levels deep`)
    }
    if (Array.isArray(value)) for (const item of value) checkWellFormed(item, withTexts, depth + 1)
    else {
      for (const [key, member] of Object.entries(value)) {
        if (withTexts) checkText(key)
        checkWellFormed(member, withTexts, depth + 1)
      }
    }
  }
}

/** Whether a column can hold a text. */
export function isStorable(text: string): boolean {
  return !UNSTORABLE.test(text)
}

function checkText(text: string): void {
  if (!isStorable(text)) {
    throw new ProblemError(400, 'invalid_characters', 'the request holds U+0000 or half of a surrogate pair')
  }
}

function checkNumber(value: number): void {
  if (!Number.isFinite(value))
    throw new ProblemError(400, 'invalid_number', 'the body holds a number that is too large')
}
