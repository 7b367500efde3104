import { cpus, release, totalmem, type } from 'node:os'

/** The machine in one line, without what would name it, and the day. */
export function machine(databaseVersion: string | undefined): string {
  const [cpu] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  const parts = [
    `${cpus().length} × ${cpu?.model.trim() ?? 'unknown processor'}`,
    `${memory} GiB of memory`,
    `${type()} ${release().split('-')[0]}`,
    `Node ${process.versions.node}`,
    ...(databaseVersion === undefined ? [] : [databaseVersion]),
    new Date().toISOString().slice(0, 10),
  ]
  return parts.join(', ')
}

/** How the figures come about, for whoever reads them without having run them. */
export function method(plan: {
  readonly pairs: number
  readonly seconds: number
  readonly connections: number
}): string {
  return [
    `Load generator, service, floor and database share this machine, over loopback and a Unix socket.`,
    `Closed loop: ${plan.connections} connections, each sends when its last request is answered.`,
    `Each figure is the median of ${plan.pairs} pairs of runs of ${plan.seconds} s, after a warm-up; in a pair service and floor take turns of less than a second;`,
    `the ratio is the median of the pairs' ratios. A run in a hurry measures single pairs when it is late.`,
    `Policy engine, durable ledger with leaf hashes and indexes, throttles, metrics and logs are on.`,
    `A run in which any answer had another status than it must, or in which the ledger grew by less than what was answered, ends the bench.`,
    `Open loop: requests are due at a fixed rate and their time runs from when they were due, so waiting counts; arrivals are`,
    `looked at once a millisecond, which adds up to that much.`,
    `CPU is of all threads of all processes of the service, for each request; the database's is beside it. Memory is the largest`,
    `resident set of a process. Requests a second compare within a row alone: rows are measured minutes apart.`,
  ].join('\n')
}
