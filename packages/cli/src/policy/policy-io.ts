/** Where the policy commands read and write: the process's own, or a test's. */
export interface PolicyIo {
  readonly cwd: string
  out(text: string): void
  err(text: string): void
  /** Leaves the exit code: 0 done, 1 found something wrong, 2 wrong usage. */
  exit(code: 0 | 1 | 2): void
}

export function processPolicyIo(): PolicyIo {
  return {
    cwd: process.cwd(),
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    exit: (code) => {
      process.exitCode = code
    },
  }
}
