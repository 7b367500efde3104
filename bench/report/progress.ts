/** Says on standard error where a long run is. */
export type Progress = (what: string) => void

/** Each line with the seconds since the start. */
export function progressOn(stream: NodeJS.WritableStream): Progress {
  const started = performance.now()
  return (what) => {
    const seconds = ((performance.now() - started) / 1000).toFixed(0).padStart(4)
    stream.write(`${seconds} s  ${what}\n`)
  }
}
