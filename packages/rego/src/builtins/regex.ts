/** `regex.*` with RE2's syntax and in linear time, as Go's `regexp`. */
import { type Builtin, type BuiltinContext, BuiltinError, builtin, stringOperand, T } from '../builtins-api.js'
import type { Value } from '../value.js'
import { intOperand, textMeter } from './operands.js'
import { intersects } from './regex/glob-intersection.js'
import { compilePattern, findAll, isPattern, type Match, type Pattern, quoteMeta } from './regex/pattern.js'
import { expandTemplate } from './regex/replacement.js'

/** Matching is linear in the text; a pattern's size is bounded when it is compiled. */
function chargeMatching(context: BuiltinContext, text: string): void {
  context.charge(text.length >> 4)
}

function charging(context: BuiltinContext): (steps: number) => void {
  return (steps) => context.charge(steps)
}

function patternAndText(
  context: BuiltinContext,
  pattern: Value | undefined,
  text: Value | undefined,
): [Pattern, string] {
  const written = stringOperand(pattern, 1)
  const searched = stringOperand(text, 2)
  chargeMatching(context, searched)
  return [compilePattern(written), searched]
}

function matches(context: BuiltinContext, pattern: Value | undefined, text: Value | undefined): boolean {
  const [compiled, searched] = patternAndText(context, pattern, text)
  return compiled.test(searched)
}

/** Pieces between matches; an empty match at the very start cuts nothing off. */
function split(context: BuiltinContext, pattern: Pattern, source: string, text: string): readonly string[] {
  if (source !== '' && text === '') return ['']
  const pieces: string[] = []
  let begin = 0
  let end = 0
  for (const match of findAll(pattern, text, -1, charging(context))) {
    end = match.start
    if (match.end !== 0) pieces.push(text.slice(begin, end))
    begin = match.end
  }
  if (end !== text.length) pieces.push(text.slice(begin))
  return pieces
}

function replace(context: BuiltinContext, text: string, pattern: Pattern, template: string): string {
  const meter = textMeter(context)
  const pieces: string[] = []
  let last = 0
  for (const match of findAll(pattern, text, -1, charging(context))) {
    const replacement = expandTemplate(template, match, pattern)
    meter(match.start - last + replacement.length)
    pieces.push(text.slice(last, match.start), replacement)
    last = match.end
  }
  return pieces.length === 0 ? text : pieces.join('') + text.slice(last)
}

/** A pattern with expressions between delimiters and literal text around them. */
function templatePattern(template: string, start: string, end: string): Pattern {
  const pieces: string[] = []
  let level = 0
  let from = 0
  let literalFrom = 0
  for (let i = 0; i < template.length; i++) {
    if (template[i] === start) {
      level += 1
      if (level === 1) from = i
    } else if (template[i] === end) {
      level -= 1
      if (level < 0) throw unbalanced(template)
      if (level > 0) continue
      const expression = template.slice(from + 1, i)
      compilePattern(`^${expression}$`)
      pieces.push(`${quoteMeta(template.slice(literalFrom, from))}(${expression})`)
      literalFrom = i + 1
    }
  }
  if (level !== 0) throw unbalanced(template)
  return compilePattern(`^${pieces.join('')}${quoteMeta(template.slice(literalFrom))}$`)
}

function unbalanced(template: string): BuiltinError {
  return new BuiltinError(`unbalanced braces in ${JSON.stringify(template)}`)
}

function delimiter(value: string, which: string, reported: string): string {
  if (value.length === 1 && value <= '\x7f') return value
  const bytes = new TextEncoder().encode(reported).length
  throw new BuiltinError(`${which} delimiter has to be exactly one character long but is ${bytes} long`)
}

const groupsOf = (match: Match): readonly string[] => match.groups.map((group) => group ?? '')

export const regex: readonly Builtin[] = [
  builtin('regex.match', [T.string, T.string], T.boolean, matches),
  builtin('re_match', [T.string, T.string], T.boolean, matches),
  builtin('regex.is_valid', [T.string], T.boolean, (_, pattern) => typeof pattern === 'string' && isPattern(pattern)),
  builtin('regex.split', [T.string, T.string], T.array(T.string), (context, pattern, text) => {
    const [compiled, searched] = patternAndText(context, pattern, text)
    return split(context, compiled, pattern as string, searched)
  }),
  builtin('regex.find_n', [T.string, T.string, T.number], T.array(T.string), (context, pattern, text, count) => {
    const [compiled, searched] = patternAndText(context, pattern, text)
    return findAll(compiled, searched, intOperand(count, 3), charging(context)).map(({ start, end }) =>
      searched.slice(start, end),
    )
  }),
  builtin(
    'regex.find_all_string_submatch_n',
    [T.string, T.string, T.number],
    T.array(T.array(T.string)),
    (context, pattern, text, count) => {
      const [compiled, searched] = patternAndText(context, pattern, text)
      return findAll(compiled, searched, intOperand(count, 3), charging(context)).map(groupsOf)
    },
  ),
  builtin('regex.replace', [T.string, T.string, T.string], T.string, (context, text, pattern, template) => {
    const searched = stringOperand(text, 1)
    const written = stringOperand(pattern, 2)
    const replacement = stringOperand(template, 3)
    chargeMatching(context, searched)
    return replace(context, searched, compilePattern(written), replacement)
  }),
  builtin(
    'regex.template_match',
    [T.string, T.string, T.string, T.string],
    T.boolean,
    (context, template, text, start, end) => {
      const [pattern, searched] = [stringOperand(template, 1), stringOperand(text, 2)]
      const [open, close] = [stringOperand(start, 3), stringOperand(end, 4)]
      chargeMatching(context, searched)
      // OPA reports the start delimiter's length for both.
      return templatePattern(pattern, delimiter(open, 'start', open), delimiter(close, 'end', open)).test(searched)
    },
  ),
  builtin('regex.globs_match', [T.string, T.string], T.boolean, (context, one, other) =>
    intersects(stringOperand(one, 1), stringOperand(other, 2), (steps) => context.charge(steps)),
  ),
]
