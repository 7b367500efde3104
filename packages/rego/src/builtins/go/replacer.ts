/**
 * Replacing several texts in one pass, as Go's `strings.NewReplacer`: at each place the first pair that matches wins, nothing is
 * replaced twice, and an empty text matches between all characters.
 *
 * @see https://pkg.go.dev/strings#NewReplacer
 */
export function replaceAll(
  text: string,
  pairs: readonly (readonly [from: string, to: string])[],
  meter: (added: number) => void,
): string {
  const byFirst = new Map<string, (readonly [string, string])[]>()
  let empty: string | undefined
  // Of the pairs after an empty one none is reached where the empty one matches.
  const ranked: (readonly [string, string])[] = []
  for (const pair of pairs) {
    if (pair[0] === '') empty ??= pair[1]
    ranked.push(pair)
    const first = pair[0].slice(0, 1)
    const bucket = byFirst.get(first)
    if (bucket === undefined) byFirst.set(first, [pair])
    else bucket.push(pair)
  }
  const find = (at: number, allowEmpty: boolean): readonly [string, string] | undefined => {
    if (empty !== undefined && allowEmpty) return ranked.find(([from]) => text.startsWith(from, at))
    return byFirst.get(text[at] ?? '')?.find(([from]) => from !== '' && text.startsWith(from, at))
  }
  const pieces: string[] = []
  let last = 0
  let afterEmpty = false
  for (let at = 0; at <= text.length; ) {
    const match = find(at, !afterEmpty)
    afterEmpty = match?.[0] === ''
    if (match === undefined) {
      at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1
      continue
    }
    pieces.push(text.slice(last, at), match[1])
    meter(at - last + match[1].length)
    at += match[0].length
    last = at
  }
  if (pieces.length === 0) return text
  pieces.push(text.slice(last))
  return pieces.join('')
}
