/**
 * Nanoseconds of processor time per call: the best of several rounds, since anything else on the machine only ever adds.
 * The clock on the wall would count what other processes take from it.
 */
export function nanoseconds(work: () => unknown, milliseconds = 300): number {
  time(work, 1_000)
  let calls = 1
  // As many calls as take long enough to time, which also warms the code up.
  for (let took = 0; took < 20e6; calls *= 2) took = time(work, calls)
  const rounds = Math.max(5, Math.round(milliseconds / 40))
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) best = Math.min(best, time(work, calls) / calls)
  return best
}

let sink: unknown

function time(work: () => unknown, calls: number): number {
  const start = process.cpuUsage()
  for (let call = 0; call < calls; call++) sink = work()
  const { user, system } = process.cpuUsage(start)
  const took = (user + system) * 1e3
  if (sink === time) throw new Error('never: it only keeps the result in use')
  return took
}
