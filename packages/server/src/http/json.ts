import { parse } from 'secure-json-parse'
import { ProblemError } from './problem.js'
import { checkWellFormed } from './well-formed.js'

export const JSON_MEDIA_TYPE = 'application/json'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads a body strictly: UTF-8 or nothing, no `__proto__`, nothing that no column can hold. An empty one is none.
 *
 * @throws ProblemError 400 `invalid_json`, or what {@link checkWellFormed} says
 */
export function readJson(body: Buffer): unknown {
  if (body.length === 0) return undefined
  const text = decode(body)
  const value = parseJson(text)
  // UTF-8 has no half of a pair, and JSON no bare NUL: only an escape can say what no column can hold.
  checkWellFormed(value, text.includes('\\u'))
  return value
}

function decode(body: Buffer): string {
  try {
    return utf8.decode(body)
  } catch {
    throw new ProblemError(400, 'invalid_json', 'the body is not UTF-8')
  }
}

function parseJson(text: string): unknown {
  try {
    return parse(text, { protoAction: 'error', constructorAction: 'error' })
  } catch {
    throw new ProblemError(400, 'invalid_json', 'the body is not valid JSON')
  }
}
