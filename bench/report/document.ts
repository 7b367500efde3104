const BEGIN = '<!-- bench: begin -->'
const END = '<!-- bench: end -->'

/**
 * A document with what stands between its markers replaced.
 *
 * @throws Error when it has no markers
 */
export function putBetweenMarkers(document: string, figures: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)]
  if (begin === -1 || end < begin) throw new Error(`the document has no ${BEGIN} and ${END}`)
  return `${document.slice(0, begin + BEGIN.length)}\n\n${figures}\n\n${document.slice(end)}`
}
