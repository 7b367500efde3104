/** A template as text and the tokens of its actions. */
import { BuiltinError } from '../../builtins-api.js'

export interface Token {
  readonly kind:
    | 'text'
    | 'open'
    | 'close'
    | 'space'
    | 'string'
    | 'number'
    | 'character'
    | 'field'
    | 'variable'
    | 'word'
    | 'mark'
  readonly text: string
}

const TOKENS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['space', /[ \t\r\n]+/y],
  ['string', /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y],
  ['character', /'(?:[^'\\\n]|\\.[^']*)'/y],
  [
    'number',
    /[+-]?(?:0[xX][\da-fA-F_]+|0[oO]?[0-7_]+|0[bB][01_]+|\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)/y,
  ],
  ['field', /\.[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ['variable', /\$[\p{L}\p{Nd}_]*/uy],
  ['word', /[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ['mark', /:=|[.|(),=]/y],
]

/** @throws BuiltinError for an action that is not closed or holds what is no token */
export function lex(template: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  let trimNext = false
  while (at < template.length) {
    const open = template.indexOf('{{', at)
    let text = open < 0 ? template.slice(at) : template.slice(at, open)
    if (trimNext) text = text.replace(/^[ \t\r\n]+/, '')
    const trims = open >= 0 && /^-[ \t\r\n]/.test(template.slice(open + 2, open + 4))
    if (trims) text = text.replace(/[ \t\r\n]+$/, '')
    if (text !== '') tokens.push({ kind: 'text', text })
    if (open < 0) break
    at = open + 2 + (trims ? 1 : 0)
    const comment = /^[ \t\r\n]*\/\*[\s\S]*?\*\/([ \t\r\n]+-)?\}\}/.exec(template.slice(at))
    if (comment !== null) {
      trimNext = comment[1] !== undefined
      at += comment[0].length
      continue
    }
    tokens.push({ kind: 'open', text: '{{' })
    const action = lexAction(template, at, tokens)
    at = action.end
    trimNext = action.trims
  }
  return tokens
}

function lexAction(template: string, start: number, tokens: Token[]): { end: number; trims: boolean } {
  let at = start
  for (;;) {
    const close = /^([ \t\r\n]+-)?\}\}/.exec(template.slice(at, at + 64))
    if (close !== null) {
      tokens.push({ kind: 'close', text: '}}' })
      return { end: at + close[0].length, trims: close[1] !== undefined }
    }
    const token = tokenAt(template, at)
    if (token === undefined) {
      const found = template[at]
      throw new BuiltinError(
        found === undefined
          ? 'template: template:1: unclosed action'
          : `template: template:1: unexpected ${JSON.stringify(found)} in command`,
      )
    }
    tokens.push(token)
    at += token.text.length
  }
}

function tokenAt(template: string, at: number): Token | undefined {
  for (const [kind, pattern] of TOKENS) {
    pattern.lastIndex = at
    const text = pattern.exec(template)?.[0]
    if (text !== undefined) return { kind, text }
  }
  return undefined
}
