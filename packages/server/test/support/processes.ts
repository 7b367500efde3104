import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** Whether a process runs. Zombies do not count: in a container there may be nobody who takes them away. */
export function isAlive(pid: number): boolean {
  return processes().some((process) => process.pid === pid)
}

/** Running processes with their command lines, without zombies. */
export function processes(): { readonly pid: number; readonly command: string }[] {
  if (process.platform === 'linux') return fromProc()
  return execFileSync('ps', ['-A', '-o', 'pid=,stat=,command='], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const [, pid, stat, command] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
      return pid && command && !stat?.startsWith('Z') ? [{ pid: Number(pid), command }] : []
    })
}

/** A minimal machine has no `ps`. */
function fromProc(): { readonly pid: number; readonly command: string }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      return command === '' ? [] : [{ pid: Number(name), command }]
    } catch {
      return []
    }
  })
}
