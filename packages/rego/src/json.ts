/** JSON text to Rego values with every number exact, which `JSON.parse` cannot do. */
import { parseNumber } from './number.js'
import { RegoObject, type Value } from './value.js'

const MAX_DEPTH = 10_000
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const SPACE = /[ \t\n\r]*/y
/** A string up to its closing quote; control characters are not allowed inside. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON names them
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y

/** Thrown by {@link parseJson} with the offset in the message. */
export class JsonError extends Error {
  override readonly name = 'JsonError'
}

/**
 * Parses JSON text: one value, spaces around it allowed. Of a key given twice the last counts, as in Go and JavaScript.
 *
 * @throws JsonError when the text is no JSON
 * @example parseJson('{"n": 12345678901234567890}')
 */
export function parseJson(text: string): Value {
  let at = 0

  function fail(): never {
    const found = at < text.length ? `character ${JSON.stringify(text[at])} at offset ${at}` : 'end of JSON input'
    throw new JsonError(`invalid JSON: unexpected ${found}`)
  }

  function match(pattern: RegExp): string | undefined {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found !== undefined) at += found.length
    return found
  }

  function expect(character: string): void {
    if (text[at] !== character) fail()
    at += 1
    match(SPACE)
  }

  function string(): string {
    const found = match(STRING)
    if (found === undefined) fail()
    match(SPACE)
    return JSON.parse(found) as string
  }

  function word<V extends Value>(name: string, value: V): V {
    if (!text.startsWith(name, at)) fail()
    at += name.length
    match(SPACE)
    return value
  }

  function value(depth: number): Value {
    if (depth > MAX_DEPTH) throw new JsonError('invalid JSON: nested too deeply')
    switch (text[at]) {
      case '{': {
        const object = new RegoObject()
        expect('{')
        while (text[at] !== '}') {
          if (object.size > 0) expect(',')
          const key = string()
          expect(':')
          object.set(key, value(depth + 1))
          if (text[at] !== ',' && text[at] !== '}') fail()
        }
        expect('}')
        return object
      }
      case '[': {
        const array: Value[] = []
        expect('[')
        while (text[at] !== ']') {
          if (array.length > 0) expect(',')
          array.push(value(depth + 1))
          if (text[at] !== ',' && text[at] !== ']') fail()
        }
        expect(']')
        return array
      }
      case '"':
        return string()
      case 't':
        return word('true', true)
      case 'f':
        return word('false', false)
      case 'n':
        return word('null', null)
      default: {
        const found = match(NUMBER)
        const number = found === undefined ? undefined : parseNumber(found)
        if (number === undefined) fail()
        match(SPACE)
        return number
      }
    }
  }

  match(SPACE)
  const result = value(0)
  if (at < text.length) fail()
  return result
}
