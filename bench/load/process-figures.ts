import { readFileSync } from 'node:fs'

/** CPU time a process has used so far, in microseconds, and its memory, in MB. Linux only. */
export function processFigures(pid: number): { readonly cpuUs: number; readonly rssMb: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name may hold spaces; what is counted from comes after its closing parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  const pages = Number(fields[21])
  return { cpuUs: ticks * 10_000, rssMb: (pages * 4096) / 1_048_576 }
}
