import { readdirSync, readFileSync } from 'node:fs'

/** CPU time a process has used so far, in microseconds, and its resident memory, in MB. */
export interface ProcessFigures {
  readonly cpuUs: number
  readonly rssMb: number
}

// Linux counts CPU time in hundredths of a second, wherever Node runs.
const TICK_US = 10_000

/** What the kernel says of a process; undefined where it does not say (other systems than Linux, or no such process). */
export function processFigures(pid: number): ProcessFigures | undefined {
  const stat = readStat(pid)
  const rss = /^VmRSS:\s*(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1]
  if (stat === undefined) return undefined
  return { cpuUs: stat.own * TICK_US, rssMb: Number(rss ?? 0) / 1024 }
}

/** CPU time of a process and all that it started, ended ones too, in microseconds. */
export function familyCpuUs(pid: number): number | undefined {
  const stat = readStat(pid)
  if (stat === undefined) return undefined
  let ticks = stat.own + stat.ended
  for (const name of readdirSync('/proc')) {
    const child = /^\d+$/.test(name) ? readStat(Number(name)) : undefined
    if (child?.parent === pid) ticks += child.own + child.ended
  }
  return ticks * TICK_US
}

function readStat(pid: number): { readonly parent: number; readonly own: number; readonly ended: number } | undefined {
  const stat = read(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  // The name may hold spaces; what is counted from comes after its closing parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const field = (n: number): number => Number(fields[n])
  return { parent: field(1), own: field(11) + field(12), ended: field(13) + field(14) }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
